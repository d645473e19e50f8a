"""HTTP requests and responses that belong to no web framework."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qs

_HUGE = 10**18  # int() of a number with thousands of digits takes long, or raises


@dataclass(slots=True, eq=False)
class RequestHead:
    """A request before its body is read.

    Attributes:
        method: in upper case.
        path: percent-decoded, without the query.
        query: the values of each parameter, in their order.
        headers: by lower-case name.
        url: as the client asked for it, for the log.
        remote_ip, protocol: of the connection, for the log.
    """

    method: str
    path: str
    query: Mapping[str, Sequence[str]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    url: str = ""
    remote_ip: str = ""
    protocol: str = "HTTP/1.1"

    @property
    def content_length(self) -> int | None:
        """The announced size of the body in bytes; None where it is not announced."""
        text = self.headers.get("content-length")
        if text is None or not (text.isascii() and text.isdecimal()):
            return None
        return int(text) if len(text) < 19 else _HUGE

    @property
    def content_type(self) -> str:
        """What the body says that it is, with parameters; "" if it says nothing."""
        return self.headers.get("content-type", "")


def request_head(
    method: str,
    path: str,
    query: bytes,
    headers: Sequence[tuple[bytes, bytes]],
    *,
    scheme: str,
    client: tuple[str, int] | None,
    version: str,
) -> RequestHead:
    """A head from what a server has read.

    Args:
        method: in upper case.
        path: percent-decoded.
        query: what follows the question mark, as it came.
        headers: in their order, with lower-case names.
        scheme: http or https.
        client: its address and port, where they are known.
        version: of HTTP.
    """
    # The first of several headers of one name counts.
    by_name = {name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(headers)}
    url = f"{scheme}://{by_name.get('host', '')}{path}"
    parameters: Mapping[str, Sequence[str]] = {}
    if query:
        text = query.decode("latin-1")
        url = f"{url}?{text}"
        parameters = parse_qs(text, keep_blank_values=True)
    remote_ip = client[0] if client else ""
    return RequestHead(method, path, parameters, by_name, url, remote_ip, f"HTTP/{version}")


@dataclass(slots=True, eq=False)
class Reply:
    """What a handler or a dialect makes of a request.

    Attributes:
        content: Body of the response.
        status: HTTP status.
        media_type: Value of Content-Type.
        headers: Further headers, by name; None for none.
    """

    content: bytes
    status: int = 200
    media_type: str = "application/json"
    headers: Mapping[str, str] | None = None


@dataclass(slots=True, eq=False)
class Response:
    """A whole HTTP response, with the headers that every response has.

    Attributes:
        status: HTTP status.
        headers: All headers but Content-Length, by name.
        body: Body of the response.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
