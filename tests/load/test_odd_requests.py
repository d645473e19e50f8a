"""What no proper client sends: a right answer or a clean refusal, and the next one is answered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.load.conftest import Start
from tests.support.models.tiny import scores
from tests.support.network.raw_http import Answer, RawConnection, chunked, head, post
from tests.support.server.serving import Function

ROW = [0.25, 0.5, 0.75, 1.0]
GOOD = json.dumps({"instances": [ROW]}).encode()
LIMIT = 100_000
JSON = "Content-Type: application/json"


@pytest.fixture(scope="module", params=["quick", "slow"])
def function(request: pytest.FixtureRequest, start: Start) -> Iterator[Function]:
    registry: Path = request.getfixturevalue(request.param)
    settings = {"MAX_IN_FLIGHT": "4", "MAX_REQUEST_BYTES": str(LIMIT), "BODY_IDLE_SECONDS": "3"}
    with start(registry, **settings) as started:
        assert started.get("/v2/health/ready").status_code == 200
        yield started
        assert "Traceback" not in started.output()


@pytest.fixture
def connection(function: Function) -> Iterator[RawConnection]:
    """To do something odd with; afterwards the next request must be answered."""
    with RawConnection(function.url) as made:
        yield made
    with RawConnection(function.url) as after:
        assert_right(after.send(post(GOOD)).answer())


def assert_right(answer: Answer, rows: int = 1) -> None:
    assert answer.status == 200, answer
    predictions = answer.json()["predictions"]
    assert len(predictions) == rows
    for prediction in predictions:
        expected = scores([ROW])[0].tolist()
        assert list(prediction["scores"].values()) == pytest.approx(expected, abs=1e-6)


def assert_refused(answer: Answer, status: int, code: str) -> None:
    assert (answer.status, answer.json()["code"]) == (status, code)


def assert_no_http(connection: RawConnection, answer: Answer | None = None) -> None:
    """The server in front of us says in plain text that this is no HTTP, and hangs up."""
    answer = answer or connection.answer()
    assert answer.status == 400
    assert answer.closes
    assert connection.ends()


@pytest.mark.parametrize("rest", [b" more than that", b"\x00\x01\x02 garbage\r\n\r\n", GOOD[3:]])
def test_what_comes_behind_a_request_and_is_none(connection: RawConnection, rest: bytes) -> None:
    connection.send(post(GOOD))
    assert_right(connection.answer())
    connection.send(rest)
    assert_no_http(connection)


@pytest.mark.parametrize("rest", [b" more than that", b"\x00\x01\x02 garbage\r\n\r\n"])
def test_a_request_that_comes_together_with_what_is_none(
    connection: RawConnection, rest: bytes
) -> None:
    connection.send(post(GOOD) + rest)
    answer = connection.answer()
    assert_right(answer)
    if answer.closes:  # it was still in work when the rest was looked at
        assert connection.ends()
    else:
        assert_no_http(connection)


def test_a_malformed_body_behind_a_request_in_work_is_refused_in_its_turn(
    connection: RawConnection,
) -> None:
    connection.send(post(GOOD) * 3 + chunked(last=b"zz\r\n"))
    for _ in range(3):
        assert_right(connection.answer())
    assert_no_http(connection)


def test_of_a_connection_s_many_waiting_requests_the_first_are_answered(
    connection: RawConnection,
) -> None:
    connection.send(head("GET /v2/health/live") * 2000)
    answers = [connection.answer()]
    while not answers[-1].closes:
        answers.append(connection.answer())
    assert {answer.status for answer in answers} == {200}
    assert len(answers) > 200
    assert connection.ends()


def test_a_body_that_is_cut_off_by_its_announced_length(connection: RawConnection) -> None:
    connection.send(post(GOOD[:-3]))
    assert_refused(connection.answer(), 400, "malformed_json")
    connection.send(GOOD[-3:])
    assert_no_http(connection)


def test_a_body_that_ends_before_its_announced_length(connection: RawConnection) -> None:
    connection.send(post(GOOD, length=len(GOOD) + 100)).end_sending()
    assert connection.ends()


def test_white_space_between_requests_is_no_garbage(connection: RawConnection) -> None:
    connection.send(post(GOOD) + b"\r\n" + post(GOOD))
    assert_right(connection.answer())
    assert_right(connection.answer())


@pytest.mark.parametrize(
    "garbage",
    [
        b"\r\n\r\n\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # a greeting of TLS
        b"hello\r\n\r\n",
        b"POST /predict\r\n\r\n",
        b"POST /predict HTTP/9.9\r\n\r\n",
        b"BREW /predict HTTP/1.1\r\nHost: x\r\n\r\n",
        b"post /predict HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA header\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: \x00\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n: nothing\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_what_is_no_http(connection: RawConnection, garbage: bytes) -> None:
    connection.send(garbage)
    assert_no_http(connection)


@pytest.mark.parametrize(
    "headers",
    [
        ("Content-Length: -1",),
        ("Content-Length: +50",),
        ("Content-Length: 5e1",),
        ("Content-Length: 0x32",),
        ("Content-Length: 99999999999999999999999",),
        ("Content-Length: 50", "Content-Length: 51"),
        ("Content-Length: 50", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked, identity",),
    ],
)
def test_a_length_that_can_be_understood_in_two_ways(
    connection: RawConnection, headers: tuple[str, ...]
) -> None:
    connection.send(head("POST /predict", JSON, *headers) + GOOD)
    assert_no_http(connection)


def test_no_length_is_no_body(connection: RawConnection) -> None:
    connection.send(head("POST /predict", JSON))
    assert_refused(connection.answer(), 400, "malformed_json")


def test_a_length_beyond_the_limit_is_refused_before_the_body(connection: RawConnection) -> None:
    connection.send(post(b"", length=2**63))
    assert_refused(connection.answer(), 413, "payload_too_large")
    assert connection.ends()


def test_chunks_of_any_size_are_one_body(connection: RawConnection) -> None:
    connection.send(chunked(*(bytes([byte]) for byte in GOOD)))
    assert_right(connection.answer())
    half = len(GOOD) // 2
    connection.send(chunked(GOOD[:half], GOOD[half:], last=b"0;a=b\r\nTrailer: x\r\n\r\n"))
    assert_right(connection.answer())
    connection.send(chunked(GOOD[:half]).replace(b"\r\n0\r\n\r\n", b"\r\n"))
    connection.send(b"%x\r\n%b\r\n0\r\n\r\n" % (len(GOOD) - half, GOOD[half:]))
    assert_right(connection.answer())


def test_chunks_beyond_the_limit_are_refused_before_their_end(connection: RawConnection) -> None:
    connection.send(chunked(*[b" " * 10_000] * (LIMIT // 10_000 + 1), last=b""))
    answer = connection.answer()
    assert_refused(answer, 413, "payload_too_large")
    assert answer.closes
    assert connection.ends()


@pytest.mark.parametrize("size", [b"zz", b"-5", b"5 5", b"ffffffffffffffffff"])
def test_a_chunk_whose_size_is_none(connection: RawConnection, size: bytes) -> None:
    connection.send(chunked(last=size + b"\r\n" + GOOD))
    assert_no_http(connection)


def test_requests_that_do_not_wait_for_answers_are_answered_in_their_order(
    connection: RawConnection,
) -> None:
    rows = (1, 500, 2, 64, 3)
    for size in rows:
        connection.send(post(json.dumps({"instances": [ROW] * size}).encode()))
    connection.send(head("GET /v2/health/live"))
    for size in rows:
        assert_right(connection.answer(), size)
    assert connection.answer().json() == {"live": True}


def test_a_refusal_among_requests_that_do_not_wait_is_of_one_alone(
    connection: RawConnection,
) -> None:
    connection.send(post(GOOD) + post(b"x" * 100, "Content-Encoding: gzip") + post(GOOD))
    assert_right(connection.answer())
    assert_refused(connection.answer(), 415, "unsupported_content_encoding")
    assert_right(connection.answer())


def test_a_refusal_of_a_large_body_ends_the_connection(connection: RawConnection) -> None:
    large = post(b"x" * 90_000, "Content-Encoding: gzip")
    connection.send(large[:-80_000])
    answer = connection.answer()
    assert_refused(answer, 415, "unsupported_content_encoding")
    assert answer.closes
    assert connection.send(large[-80_000:] + post(GOOD)).ends()


def test_a_wrong_body_does_not_end_the_connection_of_the_next_request(
    connection: RawConnection,
) -> None:
    connection.send(post(b"[]") + post(GOOD))
    assert_refused(connection.answer(), 400, "malformed_json")
    assert_right(connection.answer())


def test_a_client_that_asks_before_it_sends_is_told_to_go_on(connection: RawConnection) -> None:
    connection.send(post(b"", "Expect: 100-continue", length=len(GOOD)))
    assert connection.answer().status == 100
    assert_right(connection.send(GOOD).answer())


def test_a_client_that_asks_before_it_sends_too_much_is_told_not_to(
    connection: RawConnection,
) -> None:
    connection.send(post(b"", "Expect: 100-continue", length=LIMIT + 1))
    assert_refused(connection.answer(), 413, "payload_too_large")
    assert connection.ends()


def test_a_client_that_asks_before_it_sends_and_does_not_wait_is_answered_after_its_body(
    connection: RawConnection,
) -> None:
    """So do proxies whose own client waits: it is they who would lose the answer."""
    connection.send(post(b" " * LIMIT, "Expect: 100-continue", path="/nowhere"))
    assert_refused(connection.answer(), 404, "unknown_route")
    assert_right(connection.send(post(GOOD)).answer())


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", ["/v2/health/live", "/predict", "/predict/", "/nowhere"])
@pytest.mark.parametrize("size", [0, 50, 90_000])
def test_any_method_may_have_a_body(
    connection: RawConnection, method: str, path: str, size: int
) -> None:
    connection.send(head(f"{method} {path}", f"Content-Length: {size}") + b"{" * size)
    answer = connection.answer(has_body=method != "HEAD")
    assert answer.status in (200, 404, 405)
    assert_right(connection.send(post(GOOD)).answer())


def test_a_preflight_of_a_browser_is_refused_in_json(connection: RawConnection) -> None:
    headers = ("Origin: http://a", "Access-Control-Request-Method: POST")
    connection.send(head("OPTIONS /predict", *headers))
    assert_refused(connection.answer(), 405, "method_not_allowed")


@pytest.mark.parametrize(
    "request_",
    [
        chunked(GOOD).replace(b": chunked", b": gzip, chunked"),
        chunked(GOOD).replace(b"Host", b"Content-Length: 5\r\nHost"),
        post(GOOD).replace(b"\r\n", b"\n"),
        post(GOOD, "X: a\r\n b"),
        post(GOOD, "X: a\r\n\tb"),
        post(GOOD, "X : a"),
        post(GOOD).replace(b"Host: test", b"Host: \xff\xfe"),
        post(GOOD).replace(b"Host: test\r\n", b""),
        post(GOOD, "Host: other"),
    ],
)
def test_what_is_hardly_http_is_answered_or_refused(
    connection: RawConnection, request_: bytes
) -> None:
    answer = connection.send(request_).answer()
    assert answer.status in (200, 400)
    if answer.status == 400:
        assert answer.closes
        assert connection.ends()


@pytest.mark.parametrize(
    ("path", "status"), [("/v2/health/live", 200), ("/predict", 405), ("/nowhere", 404)]
)
def test_a_head_request_gets_no_body(connection: RawConnection, path: str, status: int) -> None:
    answer = connection.send(head(f"HEAD {path}")).answer(has_body=False)
    assert answer.status == status
    if answer.closes:
        assert connection.ends()
    else:
        assert_right(connection.send(post(GOOD)).answer())


@pytest.mark.parametrize("protocol", ["h2c", "websocket", "TLS/1.0"])
@pytest.mark.parametrize("cut", [None, 20, -20])
def test_an_offer_of_another_protocol_is_ignored(
    connection: RawConnection, protocol: str, cut: int | None
) -> None:
    request = post(GOOD, f"Upgrade: {protocol}", "Connection: Upgrade, HTTP2-Settings")
    if cut is None:
        connection.send(request * 2)
        assert_right(connection.answer())
    else:
        connection.send(request[:cut])
        connection.send(request[cut:])
    assert_right(connection.answer())
    assert_right(connection.send(post(GOOD)).answer())


def test_an_offer_before_a_body_in_chunks_is_ignored(connection: RawConnection) -> None:
    offer = b"\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nTransfer-Encoding:"
    connection.send(chunked(GOOD[:9], GOOD[9:]).replace(b"\r\nTransfer-Encoding:", offer))
    assert_right(connection.answer())
    assert_right(connection.send(post(GOOD)).answer())


@pytest.mark.parametrize("protocol", ["h2c", "websocket"])
def test_an_offer_without_a_body_is_ignored(connection: RawConnection, protocol: str) -> None:
    upgrade = (f"Upgrade: {protocol}", "Connection: Upgrade", "Sec-WebSocket-Version: 13")
    connection.send(head("GET /v2/health/live", *upgrade) * 2)
    assert connection.answer().json() == {"live": True}
    assert connection.answer().json() == {"live": True}
    assert_right(connection.send(post(GOOD)).answer())


def test_large_headers_are_no_matter(connection: RawConnection) -> None:
    many = [f"X-{index}: {'x' * 90}" for index in range(100)]
    connection.send(post(GOOD, f"X-Long: {'x' * 20_000}", *many))
    assert_right(connection.answer())


def test_a_path_of_any_length_is_looked_up(connection: RawConnection) -> None:
    answer = connection.send(head(f"GET /{'x' * 20_000}")).answer()
    assert_refused(answer, 404, "unknown_route")
    assert len(answer.body) < 1000


@pytest.mark.parametrize(
    "target",
    [
        "http://test/predict",
        "http://elsewhere:99/models/iris/predict?a=b",
        "/models/%69ris/predict",
        "/models/iris/predict#fragment",
        "/predict?top_k",
        "/predict?%ff=%zz&&=&",
    ],
)
def test_a_target_may_be_written_in_several_ways(connection: RawConnection, target: str) -> None:
    answer = connection.send(post(GOOD, path=target)).answer()
    if target == "/predict?top_k":
        assert_refused(answer, 400, "invalid_query")
    else:
        assert_right(answer)


@pytest.mark.parametrize(
    "target",
    [
        "/models/iris%2fpredict%00",
        "/models/%ff%fe/predict",
        "/models/%f0%9f%8c%b9/predict",
        "/models/../models/iris/predict",
        "//predict",
        "/predict/",
        "/%",
        "/%zz",
    ],
)
def test_a_target_that_means_nothing_is_not_found(connection: RawConnection, target: str) -> None:
    answer = connection.send(post(GOOD, path=target)).answer()
    assert answer.status == 404
    assert answer.json()["code"] in ("unknown_route", "unknown_model")


@pytest.mark.parametrize("line", ["OPTIONS *", "CONNECT test:443", "GET predict", "GET /é"])
def test_a_target_of_another_form_is_refused(connection: RawConnection, line: str) -> None:
    answer = connection.send(head(line)).answer()
    assert 400 <= answer.status < 500


def test_the_first_of_several_headers_of_one_name_counts(connection: RawConnection) -> None:
    types = ("Content-Type: text/csv", "X-Request-Id: one", "X-Request-Id: two")
    answer = connection.send(post(GOOD, *types)).answer()
    assert_right(answer)
    assert answer.headers["x-request-id"] == "one"


def test_an_old_client_gets_its_answer_and_the_connections_end(connection: RawConnection) -> None:
    connection.send(post(GOOD).replace(b"HTTP/1.1", b"HTTP/1.0"))
    answer = connection.answer()
    assert_right(answer)
    assert connection.ends()


def test_who_says_nothing_and_leaves_is_no_matter(connection: RawConnection) -> None:
    connection.send(b"POST /pre")
