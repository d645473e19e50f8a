"""Connections that ask one question after the other, and compare each answer byte for byte."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import accumulate

from benchmarks.soak.questions import Leaving, Question, Share

_MOST_HUGE = 2
"""At once: all bodies together must stay below what the function holds, or it says 503."""
_PIECE = 2**18
_RESET = struct.pack("ii", 1, 0)
_MOST_SAMPLES = 20


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: bytes
    closes: bool


@dataclass(slots=True)
class Found:
    """What a load came to.

    Attributes:
        statuses: how often each kind of question got each status, or "left".
        wrong: answers that must not be, a few of them in words.
        wrong_count: how many there were.
    """

    statuses: Counter[tuple[str, str]] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    wrong_count: int = 0

    @property
    def requests(self) -> int:
        """How many were sent."""
        return self.statuses.total()


class NotAnswered(Exception):
    """The connection ended before there was an answer."""


class Connection:
    """One client's connection, which is made again after it was closed."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None
        self._buffer = bytearray()

    async def ask(self, request: bytes) -> Answer:
        """Sends a request and reads its answer.

        Raises:
            NotAnswered: the connection ended before.
        """
        await self._send(request)
        answer = await self._read()
        if answer.closes:
            self.close()
        return answer

    async def leave(self, question: Question, *, resets: bool) -> None:
        """Sends what a question has, and goes away."""
        await self._send(question.request)
        if resets and self._socket is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.close()

    def close(self) -> None:
        """Ends it."""
        if self._socket is not None:
            self._socket.close()
        self._socket, self._buffer = None, bytearray()

    async def _send(self, request: bytes) -> None:
        loop = asyncio.get_running_loop()
        if self._socket is None:
            self._socket = socket.socket()
            self._socket.settimeout(0)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await loop.sock_connect(self._socket, ("127.0.0.1", self._port))
        try:
            for at in range(0, len(request), _PIECE):
                await loop.sock_sendall(self._socket, memoryview(request)[at : at + _PIECE])
        except ConnectionError:
            return  # a body may be refused while it is sent, and the refusal is there to read

    async def _read(self) -> Answer:
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            await self._receive()
        head = bytes(self._buffer[:end]).lower()
        length = int(head.partition(b"\r\ncontent-length: ")[2].partition(b"\r\n")[0])
        while len(self._buffer) < end + 4 + length:
            await self._receive()
        body = bytes(self._buffer[end + 4 : end + 4 + length])
        del self._buffer[: end + 4 + length]
        return Answer(int(head[9:12]), body, b"\r\nconnection: close" in head)

    async def _receive(self) -> None:
        assert self._socket is not None
        try:
            data = await asyncio.get_running_loop().sock_recv(self._socket, _PIECE)
        except ConnectionError as error:
            data, reason = b"", str(error)
        else:
            reason = "it was closed"
        if not data:
            told = bytes(self._buffer[:80])
            self.close()
            raise NotAnswered(f"no answer, but {told!r}: {reason}")
        self._buffer += data


async def load(
    port: int,
    shares: tuple[Share, ...],
    answers: Mapping[bytes, bytes],
    requests: int,
    connections: int,
    sample: Callable[[Found], None],
) -> Found:
    """Sends so many requests, the same ones in each run.

    Args:
        port: of the function, on 127.0.0.1.
        shares: what is asked.
        answers: the right answers by request, where each answer must be the same bytes.
        requests: how many.
        connections: that ask at once.
        sample: called after each request.
    """
    found = Found()
    chosen = random.Random(0)  # noqa: S311
    bounds = list(accumulate(share.percent for share in shares))
    huge = asyncio.Semaphore(_MOST_HUGE)
    left = requests

    async def ask_on(connection: Connection) -> None:
        nonlocal left
        while left > 0:
            left -= 1
            (share,) = chosen.choices(shares, cum_weights=bounds)
            question = chosen.choice(share.questions)
            if question.is_huge:
                async with huge:
                    await _ask(connection, question, answers, found, chosen)
            else:
                await _ask(connection, question, answers, found, chosen)
            sample(found)

    made = [Connection(port) for _ in range(connections)]
    await asyncio.gather(*map(ask_on, made))
    for connection in made:
        connection.close()
    return found


async def _ask(
    connection: Connection,
    question: Question,
    answers: Mapping[bytes, bytes],
    found: Found,
    chosen: random.Random,
) -> None:
    if question.leaving is not Leaving.NEVER:
        await connection.leave(question, resets=chosen.random() < 0.5)
        found.statuses[question.kind, "left"] += 1
        return
    try:
        answer = await connection.ask(question.request)
    except NotAnswered as error:
        found.statuses[question.kind, "none"] += 1
        complaint = str(error)
    else:
        found.statuses[question.kind, str(answer.status)] += 1
        complaint = _complaint(question, answer, answers)
    if complaint:
        found.wrong_count += 1
        if len(found.wrong) < _MOST_SAMPLES:
            told = question.request[:60].decode("latin-1").partition("\r\n")[0]
            found.wrong.append(f"{question.kind}, {told}: {complaint}")


def _complaint(question: Question, answer: Answer, answers: Mapping[bytes, bytes]) -> str:
    said = answer.body[:200].decode(errors="replace")
    if answer.status != question.status:
        return f"expected {question.status} {question.code}, got {answer.status}: {said}"
    if question.code and f'"code":"{question.code}"'.encode() not in answer.body:
        return f"expected {question.code}, got {said}"
    right = answers.get(question.request)
    if right is not None and right != answer.body:
        return f"expected {right[:200]!r}, got {said}"
    return ""
