"""Who is compared, and how each is started: one worker process, tuned as its project advises."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.serving.environments import PEERS, ROOT, program, version
from benchmarks.serving.models import REGISTRY, Model
from benchmarks.serving.ports import free_port
from benchmarks.serving.questions import Protocol

Environment = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Start:
    """How to start a server.

    Attributes:
        command: program and arguments.
        environment: variables that it needs.
    """

    command: list[str]
    environment: Environment = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Subject:
    """A server that is measured.

    Attributes:
        key: on the command line and in the results.
        title: in tables.
        start: how it serves a model on a port.
        protocol: that it speaks.
        made_of: environment and packages whose versions the document tells.
        is_slow: takes tens of milliseconds for the smallest model, and gets shorter runs.
    """

    key: str
    title: str
    start: Callable[[Model, int], Start]
    protocol: Protocol
    made_of: tuple[str, tuple[str, ...]]
    is_slow: bool = False

    @property
    def predicts(self) -> bool:
        """Whether it serves models, and is no echo."""
        return self.protocol in ("instances", "open_inference")

    @property
    def versions(self) -> str:
        """What it consists of."""
        environment, packages = self.made_of
        return ", ".join(f"{package} {version(environment, package)}" for package in packages)


def functions_framework(
    source: Path, target: str, port: int, environment: Environment | None = None
) -> Start:
    """functions-framework as Cloud Run functions start it, from the function's own lock."""
    command = [program("functions", "functions-framework"), "--source", str(source)]
    command += ["--target", target, "--host", "127.0.0.1", "--port", str(port)]
    return Start(command, environment or {})


def function_from_here(port: int, environment: Environment) -> Start:
    """The function under functions-framework from this environment, not from its own lock."""
    source = ROOT / "functions" / "main.py"
    command = [sys.executable, "-m", "functions_framework", "--source", str(source)]
    command += ["--target", "predict", "--host", "127.0.0.1", "--port", str(port)]
    return Start(command, environment)


def uvicorn(peer: str, port: int, environment: Environment) -> Start:
    """Uvicorn with a peer's ``server.py``, on uvloop and httptools."""
    command = [program(peer, "uvicorn"), "server:app", "--app-dir", str(PEERS / peer)]
    command += ["--host", "127.0.0.1", "--port", str(port), "--loop", "uvloop"]
    command += ["--http", "httptools", "--no-access-log", "--log-level", "error"]
    return Start(command, environment)


def _echo(target: str, module: str = "main") -> Callable[[Model, int], Start]:
    source = PEERS / "functions_framework_echo" / f"{module}.py"
    return lambda _, port: functions_framework(source, target, port)


def function_settings(model: Model) -> dict[str, str]:
    """What the function must be told to serve a model from the local registry."""
    return {"MODEL_REGISTRY": REGISTRY.as_uri(), "MODELS": model.name}


def _function(target: str, **settings: str) -> Callable[[Model, int], Start]:
    source = ROOT / "functions" / "main.py"
    return lambda model, port: functions_framework(
        source, target, port, {**function_settings(model), **settings}
    )


def _fastapi(model: Model, port: int) -> Start:
    return uvicorn("fastapi_onnxruntime", port, {"MODEL": str(model.onnx)})


def _mlserver(model: Model, port: int) -> Start:
    settings = {
        "MODEL": str(model.tflite),
        "PYTHONPATH": str(PEERS),
        "MLSERVER_HOST": "127.0.0.1",
        "MLSERVER_HTTP_PORT": str(port),
        "MLSERVER_GRPC_PORT": str(free_port()),
        "MLSERVER_METRICS_PORT": str(free_port()),
        "MLSERVER_DEBUG": "false",  # which is what turns its access log off
        "MLSERVER_PARALLEL_WORKERS": "0",
        "MLSERVER_GZIP_ENABLED": "false",
    }
    return Start(
        [program("mlserver", "mlserver"), "start", str(PEERS / "mlserver/model")], settings
    )


def _litserve(model: Model, port: int) -> Start:
    settings = {"MODEL": str(model.tflite), "PYTHONPATH": str(PEERS), "PORT": str(port)}
    return Start([program("litserve", "python"), str(PEERS / "litserve" / "server.py")], settings)


def _bentoml(model: Model, port: int) -> Start:
    settings = {
        "MODEL": str(model.tflite),
        "PYTHONPATH": str(PEERS),
        "BENTOML_DO_NOT_TRACK": "True",
    }
    command = [program("bentoml", "bentoml"), "serve", "service:TFLiteService"]
    command += ["--working-dir", str(PEERS / "bentoml"), "--host", "127.0.0.1"]
    return Start([*command, "--port", str(port)], settings)


def _keras_flask(model: Model, port: int) -> Start:
    command = [program("keras_flask", "gunicorn"), "server:app"]
    command += ["--chdir", str(PEERS / "keras_flask"), "--bind", f"127.0.0.1:{port}"]
    command += ["--worker-class", "gthread", "--workers", "1", "--threads", "8"]
    return Start([*command, "--timeout", "120"], {"MODEL": str(model.keras)})


def bare_loop(model: Model, threads: int, seconds: float) -> list[str]:
    """The command that runs a model without any server; it prints predictions per second."""
    arguments = [str(model.tflite), str(threads), str(seconds)]
    return [program("functions", "python"), str(PEERS / "bare_loop.py"), *arguments]


ECHO, ASGI, WSGI, FASTAPI = "echo", "asgi", "wsgi", "fastapi"
_FUNCTION_PARTS = ("functions", ("functions-framework", "uvicorn", "ai-edge-litert"))
_ECHO_PARTS = ("functions", ("functions-framework", "uvicorn"))

SUBJECTS = (
    Subject(
        "uvicorn-echo",
        "uvicorn echo",
        lambda _, port: uvicorn("uvicorn_echo", port, {}),
        "echo",
        ("uvicorn_echo", ("uvicorn",)),
    ),
    Subject(ECHO, "functions-framework echo", _echo("echo"), "echo", _ECHO_PARTS),
    Subject(ASGI, "tflite-functions, ASGI", _function("predict"), "instances", _FUNCTION_PARTS),
    Subject(
        WSGI,
        "tflite-functions, WSGI",
        _function("predict_wsgi"),
        "instances",
        ("functions", ("functions-framework", "gunicorn", "ai-edge-litert")),
    ),
    Subject(
        FASTAPI,
        "FastAPI + ONNX Runtime",
        _fastapi,
        "instances",
        ("fastapi_onnxruntime", ("fastapi", "onnxruntime", "uvicorn", "orjson")),
    ),
    Subject(
        "mlserver",
        "MLServer",
        _mlserver,
        "open_inference",
        ("mlserver", ("mlserver", "ai-edge-litert")),
    ),
    Subject(
        "litserve", "LitServe", _litserve, "instances", ("litserve", ("litserve", "ai-edge-litert"))
    ),
    Subject(
        "bentoml", "BentoML", _bentoml, "instances", ("bentoml", ("bentoml", "ai-edge-litert"))
    ),
    Subject(
        "keras-flask",
        "Keras behind Flask",
        _keras_flask,
        "instances",
        ("keras_flask", ("keras", "tensorflow-cpu", "flask", "gunicorn")),
        is_slow=True,
    ),
)

BATCHING = tuple(
    Subject(
        f"window-{milliseconds}",
        f"tflite-functions, BATCH_WINDOW_MS={milliseconds}",
        _function("predict", BATCH_WINDOW_MS=milliseconds),
        "instances",
        _FUNCTION_PARTS,
    )
    for milliseconds in ("0.2", "1")
)
"""Put requests together that come at about the same time."""
SWALLOW = Subject(
    "swallow", "functions-framework, body read", _echo("swallow"), "swallow", _ECHO_PARTS
)
"""Reads the body and answers in a few bytes: the transport of a large body, and nothing else."""
IMPORTING = Subject(
    "echo-imports",
    "functions-framework echo that imports NumPy and LiteRT",
    _echo("echo", "with_imports"),
    "echo",
    _FUNCTION_PARTS,
)
"""Does nothing with them: what of a cold start no function with LiteRT can avoid."""


def chosen(keys: tuple[str, ...]) -> list[Subject]:
    """The subjects of these keys, all if there are none."""
    return [subject for subject in SUBJECTS if not keys or subject.key in keys]
