"""Which version of which model answers now: lazy loading, and following aliases."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

from tflite_serving.artifacts.loading import load_artifact, resolve_alias
from tflite_serving.artifacts.store import Store
from tflite_serving.contract.codec import ContractError
from tflite_serving.contract.golden import read_golden
from tflite_serving.contract.manifest import Manifest
from tflite_serving.contract.tensors import show_shape
from tflite_serving.errors import (
    ArtifactError,
    ArtifactRefused,
    DeadlineExceeded,
    GoldenMismatch,
    ModelUnavailable,
    NotFound,
)
from tflite_serving.model import Model, import_runtime
from tflite_serving.settings import ModelRef, Settings
from tflite_serving.telemetry import Log, Timings

RETRY_AFTER_SECONDS = 5
"""After a failed load, requests fail at once for this long, and then one of them tries again."""


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A version that is loaded, verified, and ready to answer.

    Attributes:
        manifest: of the version.
        model: runs batches.
        load_ms: what loading took, by stage.
    """

    manifest: Manifest
    model: Model
    load_ms: dict[str, float]


class Loader:
    """Turns a version in the registry into a `ServedModel`."""

    def __init__(self, store: Store, settings: Settings, log: Log) -> None:
        self._store = store
        self._settings = settings
        self._log = log

    def resolve(self, ref: ModelRef) -> str:
        """The version that `ref` means now.

        Raises:
            ArtifactError: the alias cannot be read.
        """
        if ref.version is not None:
            return ref.version
        assert ref.alias is not None
        alias = resolve_alias(self._store, ref.name, ref.alias)
        if alias.canary or alias.shadow:
            self._log.write(
                "WARNING",
                f"{ref}: the alias names a canary or shadow, which this release does not serve; "
                f"all requests go to {alias.version}",
            )
        return alias.version

    def load(self, ref: ModelRef, version: str) -> ServedModel:
        """Downloads, verifies, loads, and checks the golden examples.

        Raises:
            StoreError: the registry did not give a file.
            ArtifactRefused: the version must not be served.
        """
        timings = Timings()
        with timings.stage("import"):
            import_runtime()
        artifact = load_artifact(self._store, ref.name, version, self._settings.cache, timings)
        manifest = artifact.manifest
        _check_supported(manifest)
        with timings.stage("load"):
            model = Model(
                artifact.files["model.tflite"],
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


class Slot:
    """The version that answers for one entry of MODELS, loaded once and kept fresh.

    Args:
        ref: the entry.
        loader: loads versions.
        refresh_seconds: how stale an alias may be.
        log: where loads and failures are told.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        ref: ModelRef,
        loader: Loader,
        refresh_seconds: float,
        log: Log,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.ref = ref
        self._loader = loader
        self._refresh_seconds = refresh_seconds
        self._log = log
        self._clock = clock
        self._lock = threading.Lock()
        self._current: ServedModel | None = None
        self._pending: Future[ServedModel] | None = None
        self._failure: BaseException | None = None
        self._tried_at = 0.0
        self._refused: str | None = None

    @property
    def current(self) -> ServedModel | None:
        """What answers now, if anything is loaded; never waits."""
        return self._current

    def get(self, wait_seconds: float, timings: Timings) -> ServedModel:
        """What answers now; loads it first if need be, once however many ask.

        A stale alias is looked up by a thread beside the request, which the request does not
        wait for.

        Args:
            wait_seconds: how long to wait for a load.
            timings: gets the stages of the load, if this request waited for it.

        Raises:
            ModelUnavailable: the load failed, now or less than `RETRY_AFTER_SECONDS` ago.
            DeadlineExceeded: the load takes longer than `wait_seconds`; it goes on.
        """
        current = self._current
        if current is not None:
            if self._is_stale():
                self._start()
            return current
        try:
            served = self._start().result(wait_seconds)
        except TimeoutError:
            raise DeadlineExceeded(
                "deadline_exceeded",
                f"model {self.ref.name!r} is still being loaded; try again",
            ) from None
        except Exception as error:  # whatever kept it from loading may have passed next time
            code = _code(error)
            raise ModelUnavailable(
                code,
                f"model {self.ref.name!r} cannot be served now ({code}); "
                "the function's log says why",
                RETRY_AFTER_SECONDS,
            ) from None
        timings.add(served.load_ms)
        return served

    def _is_stale(self) -> bool:
        return self.ref.version is None and self._clock() - self._tried_at >= self._refresh_seconds

    def _start(self) -> Future[ServedModel]:
        """The load or refresh that is under way, a new one, or the failure of the last one."""
        with self._lock:
            if self._pending is not None:
                return self._pending
            future: Future[ServedModel] = Future()
            if self._current is not None and not self._is_stale():
                # It came between the caller's look and the lock.
                future.set_result(self._current)
                return future
            failed_recently = self._clock() - self._tried_at < RETRY_AFTER_SECONDS
            if self._current is None and self._failure is not None and failed_recently:
                future.set_exception(self._failure)
                return future
            self._pending = future
            self._tried_at = self._clock()
        threading.Thread(target=self._work, args=(future,), daemon=True).start()
        return future

    def _work(self, future: Future[ServedModel]) -> None:
        served: ServedModel | None = None
        failure: BaseException | None = None
        version: str | None = None
        try:
            version = self._loader.resolve(self.ref)
            served = self._load_or_keep(version)
        except BaseException as error:  # whoever waits must be told, whatever happened
            failure = error
            self._tell(error, version)
        with self._lock:
            self._pending = None
            self._failure = failure
            self._tried_at = self._clock()
            if served is not None:
                self._current = served
        if served is not None:
            future.set_result(served)
        elif failure is not None:
            future.set_exception(failure)

    def _load_or_keep(self, version: str) -> ServedModel:
        current = self._current
        if current is not None and version in (current.manifest.version, self._refused):
            return current
        try:
            return self._loader.load(self.ref, version)
        except ArtifactRefused:
            self._refused = version
            raise

    def _tell(self, error: BaseException, version: str | None) -> None:
        kept = self._current
        rest = f"; {kept.manifest.version} keeps answering" if kept else ""
        which = f"{self.ref.name} {version}" if version else str(self.ref)
        stack = {} if isinstance(error, ArtifactError) else {"stack_trace": _stack(error)}
        self._log.write(
            "ERROR",
            f"cannot serve {which}: {error}{rest}",
            model=self.ref.name,
            version=version,
            code=_code(error),
            error=type(error).__name__,
            **stack,
        )


def _code(error: BaseException) -> str:
    return error.code if isinstance(error, ArtifactError) else "internal"


def _stack(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


class Catalog:
    """The models that this function serves."""

    def __init__(self, settings: Settings, store: Store, log: Log) -> None:
        loader = Loader(store, settings, log)
        self.slots = tuple(
            Slot(ref, loader, settings.alias_refresh_seconds, log) for ref in settings.models
        )

    def find(
        self,
        name: str | None,
        version: str | None,
        alias: str | None,
        wait_seconds: float,
        timings: Timings,
    ) -> ServedModel:
        """The model that answers a request.

        Args:
            name: of the model; None for the default one.
            version: None for whichever answers now.
            alias: None for the first one that the model is served under.
            wait_seconds, timings: see `Slot.get`.

        Raises:
            NotFound: this function does not serve it.
            ModelUnavailable, DeadlineExceeded: see `Slot.get`.
        """
        slots = [slot for slot in self.slots if name is None or slot.ref.name == name]
        if not slots:
            names = ", ".join(dict.fromkeys(slot.ref.name for slot in self.slots))
            raise NotFound("unknown_model", f"model {name!r}: not served here; served: {names}")
        if alias is not None:
            slots = [slot for slot in slots if slot.ref.alias == alias]
            if not slots:
                raise NotFound("unknown_version", f"model {name!r}: no label {alias!r} here")
        if version is None:
            return slots[0].get(wait_seconds, timings)
        pinned = [slot for slot in slots if slot.ref.version == version]
        versions = []
        unavailable: ModelUnavailable | None = None
        for slot in pinned or slots:
            try:
                model = slot.get(wait_seconds, timings)
            except ModelUnavailable as error:
                unavailable = error  # another slot may have the version
                continue
            if model.manifest.version == version:
                return model
            versions.append(model.manifest.version)
        if unavailable is not None:
            raise unavailable
        raise NotFound(
            "unknown_version",
            f"model {name!r}, version {version!r}: not served here; served: {', '.join(versions)}",
        )


def _check_supported(manifest: Manifest) -> None:
    where = f"{manifest.name} {manifest.version}"
    kinds = {spec.preprocess.kind for spec in manifest.inputs} - {"tensor"}
    if kinds or any(spec.dtype == "string" for spec in manifest.inputs):
        raise ArtifactRefused(
            f"{where}: its inputs need preprocessing that this release of the function lacks: "
            f"{', '.join(sorted(kinds)) or 'string'}"
        )
    if manifest.task != "classification" or manifest.runtime.needs_flex:
        need = "TensorFlow operators" if manifest.runtime.needs_flex else f"task {manifest.task!r}"
        raise ArtifactRefused(f"{where}: this release of the function cannot serve {need}")
    if len(manifest.outputs[0].shape) != 2:
        raise ArtifactRefused(
            f"{where}: output {manifest.outputs[0].name!r}: expected the scores of classes, "
            f"[null, classes], got the shape {show_shape(manifest.outputs[0].shape)}"
        )


def _check_golden(model: Model, manifest: Manifest, data: bytes) -> None:
    where = f"{manifest.name} {manifest.version}"
    try:
        golden = read_golden(data)
        golden.check_specs(manifest.inputs, manifest.outputs)
    except ContractError as error:
        raise ArtifactRefused(f"{where}: {error}") from None
    try:
        answers = model.run(golden.inputs, Timings())
    except (ValueError, RuntimeError) as error:
        raise ArtifactRefused(f"{where}: LiteRT cannot run the golden examples: {error}") from None
    differences = golden.differences(answers)
    if differences:
        example, output, gap = differences[0]
        raise GoldenMismatch(
            f"{where}: golden example {example}: output {output!r} differs from the reference by "
            f"{gap:.4g}, tolerance {golden.tolerance[output]:.4g} "
            f"({len(differences)} of {len(golden.ids)} examples differ)"
        )
