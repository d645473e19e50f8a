"""The WSGI shell: between Flask and the service."""

from __future__ import annotations

import flask
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from tflite_serving.errors import PayloadTooLarge, RequestTimeout, ServingError
from tflite_serving.http import RequestHead, Response
from tflite_serving.service import Exchange, Service, body_limit_message


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
                body = _read_body(request, exchange) if exchange.wants_body else b""
            except ServingError as error:
                return _to_flask(exchange.refuse(error), body_was_read=False)
            return _to_flask(exchange.answer(body), body_was_read=exchange.wants_body)


def _read_body(request: flask.Request, exchange: Exchange) -> bytes:
    limit = exchange.max_body_bytes
    request.max_content_length = limit
    try:
        return request.get_data(cache=False)
    except RequestEntityTooLarge:
        raise PayloadTooLarge("payload_too_large", body_limit_message(limit)) from None
    except (ClientDisconnected, OSError):
        raise RequestTimeout("client_disconnected", "the client went away") from None


def _head(request: flask.Request) -> RequestHead:
    return RequestHead(
        method=request.method,
        path=request.path,
        query=request.args.to_dict(),
        headers={name.lower(): value for name, value in request.headers},
        url=request.url,
        remote_ip=request.remote_addr or "",
        protocol=request.environ.get("SERVER_PROTOCOL", "HTTP/1.1"),
    )


def _to_flask(response: Response, *, body_was_read: bool) -> flask.Response:
    # functions-framework reads what is left of the body after a plain response, however large
    # it is; it leaves a streamed one alone.
    content = response.body if body_was_read else iter([response.body])
    answer = flask.Response(content, response.status, dict(response.headers))
    if not body_was_read:
        answer.headers["Content-Length"] = str(len(response.body))
        answer.headers["Connection"] = "close"
    return answer
