"""The entry points of the function, and the only module that holds process state.

functions-framework executes this file in the server's parent process and again for every app;
interpreters and threads do not survive the fork into workers. So nothing happens here but
reading the settings: the rest is made in each worker, as soon as it is there.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import functions_framework
import functions_framework.aio

from tflite_serving.artifacts.baked import with_baked
from tflite_serving.errors import SettingsError
from tflite_serving.settings import Settings
from tflite_serving.telemetry import Log

if TYPE_CHECKING:
    from collections.abc import Callable

    import flask
    from starlette.requests import Request

    from tflite_serving.servers.asgi import AsgiShell
    from tflite_serving.servers.wsgi import WsgiShell
    from tflite_serving.service.service import Service

# NumPy's OpenBLAS would start a thread for each processor, which spin for longer than all else that
# a cold start does; nothing here multiplies matrices but LiteRT, which has threads of its own.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# None where the process was started with it closed.
_STDOUT = getattr(sys.stdout, "buffer", None)
_IS_WSGI = "predict_wsgi" in {os.environ.get("FUNCTION_TARGET"), *sys.argv}

try:
    _SETTINGS = Settings.from_env(with_baked(os.environ, Path(__file__).absolute().parent))
    if _IS_WSGI and _SETTINGS.batch_window_ms:
        raise SettingsError("BATCH_WINDOW_MS: expected 0 with predict_wsgi; predict knows it")
except SettingsError as error:
    # A deployment must fail visibly, in one line, rather than answer 500 to everybody.
    Log(_STDOUT, "INFO").write("CRITICAL", f"the function cannot start: {error}")
    raise SystemExit(1) from None

# What is set for a server must be set before its workers start.
if _IS_WSGI:
    from tflite_serving.servers import gunicorn_hooks

    def _give_up() -> None:
        _wsgi_shell().give_up()

    gunicorn_hooks.set_up(_give_up)
else:
    from tflite_serving.servers import uvicorn_protocol

    uvicorn_protocol.set_up()

_T = TypeVar("_T")
_lock = threading.RLock()


def _once(make: Callable[[], _T]) -> Callable[[], _T]:
    """The same each time. Threads may call at once, and a second one would know half of them."""
    made = cache(make)

    def get() -> _T:
        with _lock:
            return made()

    return get


@functions_framework.aio.http  # type: ignore[arg-type]  # any ASGI application is a response
async def predict(_request: Request) -> AsgiShell:
    """Answers the first request on ASGI, and leaves the later ones to the shell itself.

    Returns:
        the shell: like any response, an ASGI application that answers this request.
    """
    shell = _asgi_shell()
    # From now on without the framework's middlewares, routes and request objects, which cost more
    # than everything that happens here.
    uvicorn_protocol.answer_with(_service() if _SETTINGS.fast_path else None, shell)
    return shell


@functions_framework.http
def predict_wsgi(request: flask.Request) -> flask.Response:
    """Answers one request, on Flask."""
    return _wsgi_shell().respond(request)


@_once
def _asgi_shell() -> AsgiShell:
    from tflite_serving.servers.asgi import AsgiShell

    return AsgiShell(_service())


@_once
def _wsgi_shell() -> WsgiShell:
    from tflite_serving.servers.wsgi import WsgiShell

    return WsgiShell(_service())


@_once
def _service() -> Service:
    from tflite_serving.artifacts.opening import open_store
    from tflite_serving.catalog.catalog import Catalog
    from tflite_serving.service.service import Service

    log = Log(_STDOUT, _SETTINGS.log_level)
    warn = partial(log.write, "WARNING")
    store = open_store(_SETTINGS.registry, environ=os.environ, warn=warn)
    catalog = Catalog(_SETTINGS, store, log)
    return Service(_SETTINGS, catalog, log)


def _load_beside_the_start() -> None:
    """In a new worker: what the first request needs is under way before the request comes."""
    # Until the worker has a handler of its own, it has gunicorn's from its parent, which would
    # swallow the signal, and the instance would be killed half a minute later.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _hear()
    gc.disable()  # imports make much, and no garbage
    threading.Thread(target=_load, daemon=True).start()


def _wait_with_signals() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})


def _hear() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def _load() -> None:
    try:
        _service().load()
    finally:
        gc.freeze()  # it stays for ever: later collections need not look at it
        gc.enable()


# What is there before the fork stays shared: the collector would write to each page of it.
os.register_at_fork(before=gc.freeze, after_in_child=_load_beside_the_start)
# A signal that comes while a worker is forked waits until the worker knows what to do with it.
os.register_at_fork(before=_wait_with_signals, after_in_parent=_hear)
