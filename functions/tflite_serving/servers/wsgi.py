"""The WSGI shell, which passes requests from Flask to the service."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import flask

from tflite_serving.errors import RequestError, RequestTimeout, ServingError, Stopping
from tflite_serving.http.messages import RequestHead, Response
from tflite_serving.servers.lingering import IDLE_SECONDS, MOST_BYTES, MOST_SECONDS, PAUSE_SECONDS
from tflite_serving.service.service import Exchange, Service

_PIECE_BYTES = 2**16


class WsgiShell:
    """Answers in the thread that the server gives it.

    Args:
        service: what answers.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._reading: set[socket.socket] = set()
        self._is_stopping = False

    def respond(self, request: flask.Request) -> flask.Response:
        """Answers one request."""
        with self._service.open(_head(request)) as exchange:
            try:
                if exchange.refusal is not None:
                    raise exchange.refusal
                body = b""
                if exchange.wants_body:
                    body = self._read_body(request, exchange)
                    exchange.admit(len(body))
            except ServingError as error:
                response = _to_flask(exchange.refuse(error))
            else:
                response = _to_flask(exchange.answer(body))
        if _has_body(request):
            # Before the response, as long as it comes: few clients and proxies look for a response
            # while they send. And after it, in case it paused.
            self._discard(request.environ, PAUSE_SECONDS)
            response.call_on_close(partial(self._discard, request.environ, IDLE_SECONDS))
        return response

    def give_up(self) -> None:
        """Refuses whatever waits, for its body as for the model: the instance ends."""
        self._is_stopping = True
        for connection in tuple(self._reading):
            with suppress(OSError):  # it has ended
                connection.shutdown(socket.SHUT_RD)
        self._service.give_up()

    def _read_body(self, request: flask.Request, exchange: Exchange) -> bytes:
        # Not request.get_data(): of a body of unknown length it returns what is below the limit, as
        # if that were all.
        if not _has_body(request):
            return b""
        limit, length = exchange.max_body_bytes, request.content_length
        wanted = limit + 1 if length is None else min(length, limit + 1)
        try:
            with self._interruptible(request.environ):
                body: bytes = request.environ["wsgi.input"].read(wanted)
        except OSError:
            raise self._gone() from None
        except Exception:  # the server has its own kinds for chunks that are none
            if self._is_stopping:
                raise Stopping from None
            raise RequestError("malformed_body", "body: expected well-formed chunks") from None
        if length is not None and len(body) < length:
            raise self._gone()
        return body

    def _gone(self) -> ServingError:
        if self._is_stopping:
            return Stopping()
        return RequestTimeout("client_disconnected", "the client went away")

    def _discard(self, environ: dict[str, Any], idle_seconds: float) -> None:
        """Reads the rest of a body for nothing: see `lingering`. The server reads 64 KiB of it."""
        stream, size, end = environ["wsgi.input"], 0, time.monotonic() + MOST_SECONDS
        with suppress(Exception), self._interruptible(environ, idle_seconds):  # of any server
            while size < MOST_BYTES and time.monotonic() < end and not self._is_stopping:
                piece = stream.read(_PIECE_BYTES)
                if not piece:
                    return
                size += len(piece)

    @contextmanager
    def _interruptible(
        self, environ: dict[str, Any], idle_seconds: float | None = None
    ) -> Iterator[None]:
        """Reading from the client, which `give_up` ends."""
        connection: socket.socket | None = environ.get("gunicorn.socket")
        if connection is None:
            yield
            return
        before = connection.gettimeout()
        connection.settimeout(idle_seconds)
        self._reading.add(connection)
        try:
            yield
        finally:
            self._reading.discard(connection)
            connection.settimeout(before)


def _has_body(request: flask.Request) -> bool:
    is_terminated = request.environ.get("wsgi.input_terminated")
    return bool(request.content_length) or bool(is_terminated and request.content_length is None)


def _head(request: flask.Request) -> RequestHead:
    return RequestHead(
        method=request.method,
        path=request.path,
        query=request.args.to_dict(flat=False),
        headers={name.lower(): value for name, value in request.headers},
        url=request.url,
        remote_ip=request.remote_addr or "",
        protocol=request.environ.get("SERVER_PROTOCOL", "HTTP/1.1"),
    )


def _to_flask(response: Response) -> flask.Response:
    # Streamed in one piece: after a plain response, functions-framework reads what is left of the
    # request's body, however large it is.
    headers = {**response.headers, "Content-Length": str(len(response.body))}
    return flask.Response(iter([response.body]), response.status, headers)
