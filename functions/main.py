"""The entry points of the function, and the only module that holds process state.

functions-framework executes this file in the server's parent process and again for every app;
interpreters and threads do not survive the fork into workers. So nothing happens here but
reading the settings: the rest is made by the first request of each worker.
"""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING

import functions_framework
import functions_framework.aio

from tflite_serving.errors import SettingsError
from tflite_serving.settings import Settings
from tflite_serving.telemetry import Log

if TYPE_CHECKING:
    import flask
    from starlette.requests import Request
    from starlette.responses import Response

    from tflite_serving.asgi import AsgiShell
    from tflite_serving.service import Service
    from tflite_serving.wsgi import WsgiShell

try:
    _SETTINGS = Settings.from_env(os.environ)
except SettingsError as error:
    # A deployment must fail visibly, in one line, rather than answer 500 to everybody.
    Log(sys.stdout, "INFO").write("CRITICAL", f"the function cannot start: {error}")
    raise SystemExit(1) from None

_lock = threading.Lock()
_asgi: AsgiShell | None = None
_wsgi: WsgiShell | None = None


@functions_framework.aio.http
async def predict(request: Request) -> Response:
    """Answers one request, on ASGI."""
    return await _asgi_shell().respond(request)


@functions_framework.http
def predict_wsgi(request: flask.Request) -> flask.Response:
    """Answers one request, on Flask."""
    return _wsgi_shell().respond(request)


def _asgi_shell() -> AsgiShell:
    global _asgi
    if _asgi is None:
        with _lock:
            if _asgi is None:
                from tflite_serving.asgi import AsgiShell

                _asgi = AsgiShell(_service())
    return _asgi


def _wsgi_shell() -> WsgiShell:
    global _wsgi
    if _wsgi is None:
        with _lock:
            if _wsgi is None:
                from tflite_serving.wsgi import WsgiShell

                _wsgi = WsgiShell(_service())
    return _wsgi


def _service() -> Service:
    from tflite_serving.artifacts.opening import open_store
    from tflite_serving.catalog import Catalog
    from tflite_serving.service import Service

    log = Log(sys.stdout, _SETTINGS.log_level)
    catalog = Catalog(_SETTINGS, open_store(_SETTINGS.registry), log)
    return Service(_SETTINGS, catalog, log)
