"""The WSGI shell: between Flask and the service."""

from __future__ import annotations

import flask

from tflite_serving.errors import RequestError, RequestTimeout, ServingError
from tflite_serving.http import RequestHead, Response
from tflite_serving.service import Exchange, Service


class WsgiShell:
    """Answers in the thread that the server gives it.

    Args:
        service: what answers.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    def respond(self, request: flask.Request) -> flask.Response:
        """Answers one request."""
        with self._service.open(_head(request)) as exchange:
            try:
                if exchange.refusal is not None:
                    raise exchange.refusal
                body = b""
                if exchange.wants_body:
                    body = _read_body(request, exchange)
                    exchange.admit(len(body))
            except ServingError as error:
                return _to_flask(exchange.refuse(error))
            return _to_flask(exchange.answer(body))


def _read_body(request: flask.Request, exchange: Exchange) -> bytes:
    # Not request.get_data(): of a body of unknown length it returns what is below the limit, as
    # if that were all.
    limit, length = exchange.max_body_bytes, request.content_length
    if length is None and not request.environ.get("wsgi.input_terminated"):
        return b""
    wanted = limit + 1 if length is None else min(length, limit + 1)
    try:
        body: bytes = request.environ["wsgi.input"].read(wanted)
    except OSError:
        raise RequestTimeout("client_disconnected", "the client went away") from None
    except Exception:  # the server has its own kinds for chunks that are none
        raise RequestError("malformed_body", "body: expected well-formed chunks") from None
    if length is not None and len(body) < length:
        raise RequestTimeout("client_disconnected", "the client went away")
    return body


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
