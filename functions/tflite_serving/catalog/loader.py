"""Loads a model version from the registry, and checks that it reproduces its golden examples."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import numpy.typing as npt

from tflite_serving.artifacts.loading import LocalArtifact, load_artifact, resolve_alias
from tflite_serving.artifacts.store import Store
from tflite_serving.catalog.loaded_model import LoadedModel
from tflite_serving.contract.alias import AliasDocument
from tflite_serving.contract.codec import ContractError
from tflite_serving.contract.golden import GoldenExamples, read_golden
from tflite_serving.contract.manifest import MODEL_FILE, Manifest
from tflite_serving.contract.tensors import show_shape
from tflite_serving.errors import ArtifactRefused, GoldenMismatch, RequestError
from tflite_serving.inputs.raw import Numbers, RawInput
from tflite_serving.runtime.interpreter_pool import InterpreterPool
from tflite_serving.runtime.length_buckets import SubBatch, merge_outputs
from tflite_serving.settings import ModelRef, Settings
from tflite_serving.telemetry import Log, Timings

if TYPE_CHECKING:
    from tflite_serving.inputs.image import PictureReader
    from tflite_serving.preprocess.pipeline import Pipeline

_TASKS = {"classification", "multi_label", "regression"}
# Of the bytes of the largest body: a picture that is decoded takes a few times as much memory.
_PIXELS_PER_BYTE = 0.5
_MOST_GOLDEN_PIXELS = 2**30


class Loader:
    """Turns a version in the registry into a `LoadedModel`, which all who want it share."""

    def __init__(self, store: Store, settings: Settings, log: Log) -> None:
        self._store = store
        self._settings = settings
        self._log = log
        self._lock = threading.Lock()
        # Both forget a version as soon as nobody loads or has it: a process may see thousands.
        self._loading: WeakValueDictionary[tuple[str, str], threading.Lock] = WeakValueDictionary()
        self._loaded: WeakValueDictionary[tuple[str, str], LoadedModel] = WeakValueDictionary()

    def resolve(self, ref: ModelRef) -> str:
        """The version that `ref` means now.

        Raises:
            StoreError: the alias cannot be read.
            ArtifactRefused: it is damaged, or names a canary or a shadow.
        """
        if ref.version is not None:
            return ref.version
        assert ref.alias is not None
        alias = resolve_alias(self._store, ref.name, ref.alias)
        _check_alone(alias)
        return alias.version

    def load(self, ref: ModelRef, version: str, runtime: Future[float]) -> LoadedModel:
        """Downloads, verifies, loads, and checks the golden examples, unless it is loaded already.

        Two entries of `MODELS` may mean the same version, as an alias for candidates does once its
        version was released. It is loaded once, and has the memory and the processors of one.

        Args:
            ref: says which model it is.
            version: of the model.
            runtime: its import, which may still be under way; see `runtime_import`.

        Raises:
            StoreError: the registry did not give a file.
            ArtifactRefused: the version must not be served.
        """
        key = (ref.name, version)
        with self._lock:
            loading = self._loading.setdefault(key, threading.Lock())
        with loading:
            served = self._loaded.get(key)
            if served is None:
                served = self._loaded[key] = self._load(ref, version, runtime)
        return served

    def _load(self, ref: ModelRef, version: str, runtime: Future[float]) -> LoadedModel:
        timings = Timings()
        artifact = load_artifact(self._store, ref.name, version, self._settings.cache, timings)
        manifest = artifact.manifest
        _check_supported(manifest)
        timings.add({"import": runtime.result()})
        with timings.stage("load"):
            model = InterpreterPool(
                artifact.files[MODEL_FILE],
                manifest.tensors,
                manifest.outputs,
                self._settings.interpreters,
                self._settings.interpreter_threads,
            )
            pipeline = _pipeline(artifact)
            pictures = _pictures(manifest, int(self._settings.max_request_bytes * _PIXELS_PER_BYTE))
        with timings.stage("golden"):
            golden = artifact.files[manifest.golden].read_bytes()
            _check_golden(model, pipeline, manifest, golden)
        self._log.write(
            "INFO",
            f"loaded {ref.name} {version} in {timings.total_ms:.0f} ms",
            model=ref.name,
            version=version,
            load_ms=timings.stages,
        )
        return LoadedModel(manifest, model, timings.stages, pipeline, pictures)


def _check_alone(alias: AliasDocument) -> None:
    """Refuses an alias that splits traffic: to send all of it to one version is another release."""
    for field, share in alias.shares.items():
        raise ArtifactRefused(
            f"alias.{field}: expected null, because this release of the function serves one "
            f"version of an alias, got {share.version} at {share.percent:g} %; `promote` "
            f"{alias.version} to {alias.alias} ends it"
        )


def _pipeline(artifact: LocalArtifact) -> Pipeline | None:
    manifest = artifact.manifest
    if manifest.preprocessing is None:
        return None
    # Most models have no use for these, and a cold start no time.
    from tflite_serving.contract.preprocessing import read_preprocessing
    from tflite_serving.preprocess.pipeline import Pipeline

    try:
        steps = read_preprocessing(artifact.files[manifest.preprocessing].read_bytes())
        tensors = steps.tensors(spec.name for spec in manifest.inputs)
    except ContractError as error:
        raise ArtifactRefused(f"{manifest.name} {manifest.version}: {error}") from None
    shapes = {binding.name: binding.shape for binding in manifest.tensors.inputs}
    if tensors != list(shapes):
        raise ArtifactRefused(
            f"{manifest.name} {manifest.version}: preprocessing puts out {tensors}, and the model "
            f"takes {list(shapes)}"
        )
    try:
        return Pipeline(steps, shapes, artifact.files)
    except ContractError as error:
        raise ArtifactRefused(f"{manifest.name} {manifest.version}: {error}") from None


def _pictures(manifest: Manifest, most_pixels: int) -> dict[str, PictureReader]:
    specs = [spec for spec in manifest.inputs if spec.preprocess.kind == "image"]
    if not specs:
        return {}
    # Most models have no use for it, and a cold start no time.
    from tflite_serving.inputs.image import PictureReader

    return {spec.name: PictureReader(spec, most_pixels) for spec in specs}


def _check_supported(manifest: Manifest) -> None:
    where = f"{manifest.name} {manifest.version}"
    if any(s.dtype == "string" for s in manifest.inputs) and manifest.preprocessing is None:
        raise ArtifactRefused(
            f"{where}: its inputs need preprocessing that this release of the function lacks: "
            "string"
        )
    needs = ["TensorFlow operators"] if manifest.runtime.needs_flex else []
    needs += [f"task {each.task!r}" for each in manifest.outputs if each.task not in _TASKS]
    if needs:
        raise ArtifactRefused(f"{where}: this release of the function cannot serve {needs[0]}")
    for output in manifest.outputs:
        if len(output.shape) != 2:
            raise ArtifactRefused(
                f"{where}: output {output.name!r}: expected one row for each instance, "
                f"[null, values], got the shape {show_shape(output.shape)}"
            )


def _check_golden(
    model: InterpreterPool,
    pipeline: Pipeline | None,
    manifest: Manifest,
    data: bytes,
) -> None:
    where = f"{manifest.name} {manifest.version}"
    try:
        golden = read_golden(data)
        golden.check_specs(manifest.inputs, manifest.outputs)
        # What limits clients does not limit the registry.
        pictures = _pictures(manifest, _MOST_GOLDEN_PIXELS)
        groups = [SubBatch({**golden.inputs, **_tensors(golden, pictures)})]
        if pipeline is not None:
            groups = pipeline.prepare(_as_objects(groups[0].inputs)).groups
        answers = [model.run(group.inputs, Timings()) for group in groups]
        differences = golden.differences(merge_outputs(groups, answers))
    except (ContractError, RequestError) as error:
        raise ArtifactRefused(f"{where}: {error}") from None
    except (ValueError, RuntimeError) as error:
        raise ArtifactRefused(f"{where}: LiteRT cannot run the golden examples: {error}") from None
    if differences:
        first = differences[0]
        raise GoldenMismatch(
            f"{where}: golden example {first.id}: output {first.output!r} differs from the "
            f"reference by {first.gap:.4g}, tolerance {first.tolerance:.4g} "
            f"({len(differences)} of {len(golden.ids)} examples differ)"
        )


def _tensors(
    golden: GoldenExamples, pictures: Mapping[str, PictureReader]
) -> dict[str, npt.NDArray[Any]]:
    """What becomes of the pictures among the golden examples."""
    found = {}
    for name, reader in pictures.items():
        given, place = golden.inputs[name], f"golden.inputs[{name!r}][{{}}]"
        raw: RawInput | Numbers = Numbers(given, place)
        if given.dtype.kind == "S":
            raw = RawInput([{"b64": text.decode()} for text in given.tolist()], place, True)  # noqa: FBT003
        found[name] = reader.read(raw, Timings())
    return found


def _as_objects(inputs: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    """Texts as the steps take them."""
    return {name: x.astype(object) if x.dtype.kind == "U" else x for name, x in inputs.items()}
