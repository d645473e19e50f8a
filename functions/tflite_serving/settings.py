"""The function's settings, read once from the environment and validated together."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tflite_serving.contract.address import RegistryUri
from tflite_serving.contract.codec import ContractError
from tflite_serving.contract.versions import check_name, is_version
from tflite_serving.errors import SettingsError

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
DEFAULT_ALIAS = "production"
_MOST = 2**31 - 1
_MOST_THREADS = 256


@dataclass(frozen=True, slots=True)
class ModelRef:
    """A model to serve, and how to find its version: by alias, or pinned.

    Attributes:
        name: of the model.
        alias: the alias to follow; None when the version is pinned.
        version: the pinned version; None when an alias is followed.
    """

    name: str
    alias: str | None = DEFAULT_ALIAS
    version: str | None = None

    @classmethod
    def parse(cls, text: str) -> ModelRef:
        """Reads ``name``, ``name@alias`` or ``name@version``.

        Raises:
            ContractError: a part is no name.
        """
        name, at, selector = text.partition("@")
        check_name(name, f"{text!r}")
        if not at:
            return cls(name)
        if is_version(selector):
            return cls(name, alias=None, version=selector)
        check_name(selector, f"{text!r}")
        return cls(name, alias=selector)

    def __str__(self) -> str:
        return f"{self.name}@{self.version or self.alias}"


def _registry(text: str) -> str:
    RegistryUri.parse(text)
    return text


def _models(text: str) -> tuple[ModelRef, ...]:
    refs = tuple(ModelRef.parse(part.strip()) for part in text.split(",") if part.strip())
    if not refs:
        raise ValueError("expected at least one model, got none")
    if len(set(refs)) < len(refs):
        raise ValueError(f"expected each model once, got {text!r}")
    return refs


def _count(most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdecimal() and len(text) <= 10 and 1 <= int(text) <= most):
            raise ValueError(f"expected a whole number from 1 to {most}, got {text!r}")
        return int(text)

    return read


def _number(minimum: float, maximum: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not minimum <= value <= maximum:
            raise ValueError(f"expected a number from {minimum:g} to {maximum:g}, got {text!r}")
        return value

    return read


def _flag(text: str) -> bool:
    if text not in ("0", "1"):
        raise ValueError(f"expected 0 or 1, got {text!r}")
    return text == "1"


def _log_level(text: str) -> str:
    levels = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
    if text.upper() not in levels:
        raise ValueError(f"expected one of {', '.join(levels)}, got {text!r}")
    return text.upper()


def _text(text: str) -> str:
    return text


def _setting(variable: str, read: Callable[[str], Any], default: Any = dataclasses.MISSING) -> Any:
    """A field that is read from `variable`; `default` is a value or a function that makes it."""
    metadata = {"variable": variable, "read": read}
    if callable(default):
        return dataclasses.field(default_factory=default, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def _default_cache() -> Path:
    # One folder per user: a shared temp dir must not let somebody else place our files.
    return Path(tempfile.gettempdir()) / f"tflite-functions-{os.getuid()}"


def _cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What can be set from outside; docs/4-settings.md explains each.

    Attributes:
        registry: URI of the registry: ``gs://bucket[/prefix]``, ``file:///folder`` or a path.
        models: what to serve; the first is the default model.
        alias_refresh_seconds: how stale an alias may be.
        cache: folder for downloaded artifacts.
        interpreter_threads: threads of one interpreter.
        interpreters: interpreters of one model: how many requests it answers at once.
        batch_window_ms: how long a request waits for others to be run with; 0 for not at all.
        max_request_bytes: largest body.
        max_batch: most instances in one request.
        max_in_flight: most predictions that are computed or wait for their turn.
        body_idle_seconds: longest pause within a body.
        request_timeout_seconds: from the first byte to the answer.
        log_level: the least severe lines that are written.
        log_sample: fraction of the successful requests that get a log line.
        fast_path: Whether requests that need no waiting bypass the server's queues.
        project: Google Cloud project that trace ids belong to; "" leaves them bare.
        commit: Git commit that the function was built from; "" if nobody told.
        bundle_digest: sha256 of the zip that the function was built from; "" if nobody told.
    """

    registry: str = _setting("MODEL_REGISTRY", _registry)
    models: tuple[ModelRef, ...] = _setting("MODELS", _models)
    alias_refresh_seconds: float = _setting("ALIAS_REFRESH_SECONDS", _number(0, 86400), 30.0)
    cache: Path = _setting("MODEL_CACHE", Path, _default_cache)
    interpreter_threads: int = _setting("INTERPRETER_THREADS", _count(_MOST_THREADS), 1)
    interpreters: int = _setting("INTERPRETERS", _count(_MOST_THREADS), _cpus)
    batch_window_ms: float = _setting("BATCH_WINDOW_MS", _number(0, 1000), 0.0)
    max_request_bytes: int = _setting("MAX_REQUEST_BYTES", _count(_MOST), 32 * 2**20)
    max_batch: int = _setting("MAX_BATCH", _count(_MOST), 1024)
    max_in_flight: int = _setting("MAX_IN_FLIGHT", _count(_MOST), 64)
    body_idle_seconds: float = _setting("BODY_IDLE_SECONDS", _number(0.1, 3600), 10.0)
    request_timeout_seconds: float = _setting("REQUEST_TIMEOUT_SECONDS", _number(0.001, 3600), 60.0)
    log_level: LogLevel = _setting("LOG_LEVEL", _log_level, "INFO")
    log_sample: float = _setting("LOG_SAMPLE", _number(0, 1), 1.0)
    fast_path: bool = _setting("FAST_PATH", _flag, default=True)
    project: str = _setting("GOOGLE_CLOUD_PROJECT", _text, "")
    commit: str = _setting("COMMIT", _text, "")
    bundle_digest: str = _setting("BUNDLE_DIGEST", _text, "")

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """Reads and validates every setting; an empty variable counts as absent.

        Raises:
            SettingsError: naming every variable that is wrong, not just the first.
        """
        values: dict[str, Any] = {}
        problems = []
        for field in dataclasses.fields(cls):
            variable = field.metadata["variable"]
            text = environ.get(variable, "").strip()
            try:
                if text:
                    values[field.name] = field.metadata["read"](text)
                elif not has_default(field):
                    raise ValueError("expected a value, got nothing")
            except ContractError as error:
                problems.append(f"{variable}: {error.problem}, in {error.path}")
            except ValueError as error:
                problems.append(f"{variable}: {error}")
        if problems:
            raise SettingsError("; ".join(problems))
        return cls(**values)


def has_default(field: dataclasses.Field[Any]) -> bool:
    """Whether a setting may be left out."""
    return (
        field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
    )
