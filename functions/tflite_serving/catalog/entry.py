"""Catalog entry of one model in MODELS: loads its version once, and refreshes its alias."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass

from tflite_serving.catalog.loaded_model import LoadedModel
from tflite_serving.catalog.loader import Loader
from tflite_serving.catalog.runtime_import import runtime_import
from tflite_serving.errors import (
    ArtifactError,
    ArtifactRefused,
    DeadlineExceeded,
    ModelUnavailable,
    Stopping,
    StoreError,
)
from tflite_serving.settings import ModelRef
from tflite_serving.telemetry import Log

RETRY_AFTER_SECONDS = 5
"""After a failed load, requests fail at once for this long, and then one of them tries again.

After a failed refresh the old version answers, and a request after this long starts another one;
twice as long each time that it fails again, but no longer than `_LONGEST_RETRY_SECONDS`.
"""

_LONGEST_RETRY_SECONDS = 60.0
REFUSED_SECONDS = 600.0
"""A version that was refused is not tried again for this long: what was wrong with it may have been
wrong on its way."""


@dataclass(frozen=True, slots=True)
class LoadFailure:
    """Why there is no model: the code that answers carry. The log has the rest.

    Not the exception itself: raised again for every request, its traceback would grow for ever.
    """

    code: str


_STOPPING = LoadFailure("stopping")


class CatalogEntry:
    """The version that answers for one entry of MODELS.

    Args:
        ref: the entry.
        loader: loads versions.
        refresh_seconds: how stale an alias may be.
        log: where failures are told.
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
        self._current: LoadedModel | None = None
        self._pending: Future[LoadedModel | LoadFailure] | None = None
        self._failure: LoadFailure | None = None
        self._failures = 0  # one after the other, until now
        self._tried_at = 0.0
        self._refused: str | None = None
        self._refused_at = 0.0

    @property
    def current(self) -> LoadedModel | None:
        """What answers now, if anything is loaded; never waits."""
        return self._current

    def peek(self) -> LoadedModel | None:
        """What answers now, if anything is loaded; a stale alias is looked up beside."""
        current = self._current
        if current is not None and self._is_stale():
            self.start()
        return current

    def get(self, wait_seconds: float) -> LoadedModel:
        """What answers now; loads it first if need be, once however many ask.

        A stale alias is looked up by a thread beside the request, which the request does not
        wait for.

        Args:
            wait_seconds: how long to wait for a load.

        Raises:
            Stopping: the instance ends.
            ModelUnavailable: the load failed, now or less than `RETRY_AFTER_SECONDS` ago.
            DeadlineExceeded: the load takes longer than `wait_seconds`; it goes on.
        """
        current = self.peek()
        if current is not None:
            return current
        try:
            outcome = self.start().result(wait_seconds)
        except TimeoutError:
            raise DeadlineExceeded(
                "deadline_exceeded",
                f"model {self.ref.name!r} is still being loaded; try again",
            ) from None
        if outcome is _STOPPING:
            raise Stopping
        if isinstance(outcome, LoadFailure):
            raise ModelUnavailable(
                outcome.code,
                f"model {self.ref.name!r} cannot be served now ({outcome.code}); "
                "the function's log says why",
                RETRY_AFTER_SECONDS,
            )
        return outcome

    def give_up(self) -> None:
        """Ends every wait, for the load that is under way as for an interpreter."""
        with self._lock:
            pending, current = self._pending, self._current
        if pending is not None:
            with suppress(InvalidStateError):  # it is there
                pending.set_result(_STOPPING)
        if current is not None:
            current.pool.give_up()

    def _is_stale(self) -> bool:
        wait = self._wait_seconds(self._failures)
        return self.ref.version is None and self._clock() - self._tried_at >= wait

    def _wait_seconds(self, failures: int) -> float:
        """From one look at the alias to the next, after so many failures in a row."""
        if failures == 0:
            return self._refresh_seconds
        # Beyond a few doublings nothing changes, and 2.0**1024 is too large for a float.
        retry = RETRY_AFTER_SECONDS * 2.0 ** min(failures - 1, 8)
        return min(retry, _LONGEST_RETRY_SECONDS, self._refresh_seconds)

    def start(self) -> Future[LoadedModel | LoadFailure]:
        """The load or refresh that is under way, a new one, or the outcome of the last one.

        Returns:
            a future that never raises.
        """
        with self._lock:
            if self._pending is not None:
                return self._pending
            future: Future[LoadedModel | LoadFailure] = Future()
            future.set_running_or_notify_cancel()  # nobody who waits may cancel it for the others
            if self._current is not None and not self._is_stale():
                # It came between the caller's look and the lock.
                future.set_result(self._current)
                return future
            failed_recently = self._clock() - self._tried_at < RETRY_AFTER_SECONDS
            if self._current is None and self._failure is not None and failed_recently:
                future.set_result(self._failure)
                return future
            self._pending = future
            self._tried_at = self._clock()
        try:
            threading.Thread(target=self._work, args=(future,), daemon=True).start()
        except RuntimeError:  # no thread could be had; waiters must not wait for it
            self._finish(future, LoadFailure("internal"))
            raise
        return future

    def _work(self, future: Future[LoadedModel | LoadFailure]) -> None:
        outcome: LoadedModel | LoadFailure = LoadFailure("internal")
        version: str | None = None
        try:
            with runtime_import() as runtime:
                version = self._loader.resolve(self.ref)
                outcome = self._load_or_keep(version, runtime)
        except Exception as error:
            if isinstance(error, ArtifactError):
                outcome = LoadFailure(error.code)
            self._tell(error, version)
        finally:
            self._finish(future, outcome)

    def _finish(
        self, future: Future[LoadedModel | LoadFailure], outcome: LoadedModel | LoadFailure
    ) -> None:
        with self._lock:
            self._pending = None
            self._tried_at = self._clock()
            if isinstance(outcome, LoadFailure):
                self._failure = outcome
                self._failures += 1
            else:
                self._failure, self._current = None, outcome
                self._failures = 0
        with suppress(InvalidStateError):  # nobody waits any more
            future.set_result(outcome)

    def _load_or_keep(self, version: str, runtime: Future[float]) -> LoadedModel:
        current = self._current
        if current is not None and (
            version == current.manifest.version or self._is_refused(version)
        ):
            return current
        try:
            return self._loader.load(self.ref, version, runtime)
        except ArtifactRefused:
            self._refused, self._refused_at = version, self._clock()
            raise

    def _is_refused(self, version: str) -> bool:
        return version == self._refused and self._clock() - self._refused_at < REFUSED_SECONDS

    def _tell(self, error: Exception, version: str | None) -> None:
        kept, severity, more = self._current, "ERROR", {}
        rest = f"; {kept.manifest.version} keeps answering" if kept else ""
        if kept and isinstance(error, StoreError):
            # Nobody is refused an answer, and the registry may be there again soon.
            severity = "WARNING"
            wait = self._wait_seconds(self._failures + 1)
            more = {"seconds": round(self._clock() - self._tried_at, 1), "retry_seconds": wait}
            rest += f", and a request in {wait:g} s or later looks again"
        which = f"{self.ref.name} {version}" if version else str(self.ref)
        known = isinstance(error, ArtifactError)
        stack = {} if known else {"stack_trace": "".join(traceback.format_exception(error))}
        self._log.write(
            severity,
            f"cannot serve {which}: {error}{rest}",
            model=self.ref.name,
            version=version,
            code=error.code if isinstance(error, ArtifactError) else "internal",
            error=type(error).__name__,
            **more,
            **stack,
        )
