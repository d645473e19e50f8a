"""From a version in the registry to a model that may answer."""

from __future__ import annotations

from concurrent.futures import Future

from tflite_serving.artifacts.loading import load_artifact, resolve_alias
from tflite_serving.artifacts.store import Store
from tflite_serving.contract.alias import AliasDocument
from tflite_serving.contract.codec import ContractError
from tflite_serving.contract.golden import read_golden
from tflite_serving.contract.manifest import MODEL_FILE, Manifest
from tflite_serving.contract.tensors import show_shape
from tflite_serving.errors import ArtifactRefused, GoldenMismatch
from tflite_serving.model import Model
from tflite_serving.served import ServedModel
from tflite_serving.settings import ModelRef, Settings
from tflite_serving.telemetry import Log, Timings

_TASKS = ("classification", "regression")


class Loader:
    """Turns a version in the registry into a `ServedModel`."""

    def __init__(self, store: Store, settings: Settings, log: Log) -> None:
        self._store = store
        self._settings = settings
        self._log = log
        self._warned: dict[ModelRef, AliasDocument] = {}

    def resolve(self, ref: ModelRef) -> str:
        """The version that `ref` means now.

        Raises:
            ArtifactError: the alias cannot be read.
        """
        if ref.version is not None:
            return ref.version
        assert ref.alias is not None
        alias = resolve_alias(self._store, ref.name, ref.alias)
        if (alias.canary or alias.shadow) and self._warned.get(ref) != alias:
            self._warned[ref] = alias
            self._log.write(
                "WARNING",
                f"{ref}: the alias names a canary or shadow, which this release does not serve; "
                f"all requests go to {alias.version}",
            )
        return alias.version

    def load(self, ref: ModelRef, version: str, runtime: Future[float]) -> ServedModel:
        """Downloads, verifies, loads, and checks the golden examples.

        Args:
            ref: says which model it is.
            version: of the model.
            runtime: its import, which may still be under way; see `runtime_import`.

        Raises:
            StoreError: the registry did not give a file.
            ArtifactRefused: the version must not be served.
        """
        timings = Timings()
        artifact = load_artifact(self._store, ref.name, version, self._settings.cache, timings)
        manifest = artifact.manifest
        _check_supported(manifest)
        timings.add({"import": runtime.result()})
        with timings.stage("load"):
            model = Model(
                artifact.files[MODEL_FILE],
                manifest.tensors,
                manifest.outputs,
                self._settings.interpreters,
                self._settings.interpreter_threads,
            )
        with timings.stage("golden"):
            _check_golden(model, manifest, artifact.files[manifest.golden].read_bytes())
        self._log.write(
            "INFO",
            f"loaded {ref.name} {version} in {timings.total_ms:.0f} ms",
            model=ref.name,
            version=version,
            load_ms=timings.stages,
        )
        return ServedModel(manifest, model, timings.stages)


def _check_supported(manifest: Manifest) -> None:
    where = f"{manifest.name} {manifest.version}"
    kinds = {spec.preprocess.kind for spec in manifest.inputs} - {"tensor"}
    if kinds or any(spec.dtype == "string" for spec in manifest.inputs):
        raise ArtifactRefused(
            f"{where}: its inputs need preprocessing that this release of the function lacks: "
            f"{', '.join(sorted(kinds)) or 'string'}"
        )
    if manifest.task not in _TASKS or manifest.runtime.needs_flex:
        need = "TensorFlow operators" if manifest.runtime.needs_flex else f"task {manifest.task!r}"
        raise ArtifactRefused(f"{where}: this release of the function cannot serve {need}")
    if len(manifest.outputs[0].shape) != 2:
        raise ArtifactRefused(
            f"{where}: output {manifest.outputs[0].name!r}: expected one row for each instance, "
            f"[null, values], got the shape {show_shape(manifest.outputs[0].shape)}"
        )


def _check_golden(model: Model, manifest: Manifest, data: bytes) -> None:
    where = f"{manifest.name} {manifest.version}"
    try:
        golden = read_golden(data)
        golden.check_specs(manifest.inputs, manifest.outputs)
        differences = golden.differences(model.run(golden.inputs, Timings()))
    except ContractError as error:
        raise ArtifactRefused(f"{where}: {error}") from None
    except (ValueError, RuntimeError) as error:
        raise ArtifactRefused(f"{where}: LiteRT cannot run the golden examples: {error}") from None
    if differences:
        example, output, gap = differences[0]
        raise GoldenMismatch(
            f"{where}: golden example {example}: output {output!r} differs from the reference by "
            f"{gap:.4g}, tolerance {golden.tolerance[output]:.4g} "
            f"({len(differences)} of {len(golden.ids)} examples differ)"
        )
