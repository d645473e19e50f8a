"""The end of a connection: what was written arrives, and what still comes costs little."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import ExitStack

import pytest
import uvloop

from tflite_serving.servers import lingering
from tflite_serving.servers.lingering import LingeringTransport

LAST = b"the last response"


class Server(asyncio.Protocol):
    """Answers the first bytes of a connection, and closes it."""

    def __init__(self) -> None:
        self.has_answered, self.is_lost = asyncio.Event(), asyncio.Event()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = LingeringTransport(transport, self)

    def data_received(self, data: bytes) -> None:
        assert data == b"?"
        self.transport.write(LAST)
        self.transport.close()
        assert self.transport.is_closing()
        self.transport.write(b"never")
        self.transport.close()
        self.has_answered.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost.set()


class World:
    """Clients, and the server's ends of their connections."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self.servers: list[Server] = []
        self._made: asyncio.Queue[Server] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()

    async def connect(self) -> socket.socket:
        """A client that has sent what is answered."""
        if not self.servers:
            listener = await self._loop.create_server(self._make, "127.0.0.1", 0)
            self._stack.callback(listener.close)
            self._place = listener.sockets[0].getsockname()
        client = self._stack.enter_context(socket.socket())
        client.setblocking(False)  # noqa: FBT003  # it has no other form
        await self._loop.sock_connect(client, self._place)
        await self._loop.sock_sendall(client, b"?")
        server = await self._made.get()
        await server.has_answered.wait()
        return client

    async def send(self, client: socket.socket, data: bytes) -> None:
        await self._loop.sock_sendall(client, data)

    async def read(self, client: socket.socket) -> bytes:
        """All until the end."""
        read = b""
        while piece := await self._loop.sock_recv(client, 2**16):
            read += piece
        return read

    def _make(self) -> Server:
        self.servers.append(Server())
        self._made.put_nowait(self.servers[-1])
        return self.servers[-1]


def run(test: Callable[[World], Awaitable[None]]) -> None:
    async def within() -> None:
        with ExitStack() as stack:
            async with asyncio.timeout(20):
                await test(World(stack))

    uvloop.run(within())
    asyncio.run(within())


def test_the_last_response_and_the_end_come_before_the_client_has_sent_all() -> None:
    async def test(world: World) -> None:
        client = await world.connect()
        assert await world.read(client) == LAST
        for _ in range(20):
            await world.send(client, b" " * 2**20)
        assert not world.servers[0].is_lost.is_set()
        client.close()
        await world.servers[0].is_lost.wait()

    run(test)


def test_a_client_that_sends_without_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lingering, "MOST_BYTES", 2**22)

    async def test(world: World) -> None:
        client = await world.connect()
        with pytest.raises(ConnectionError):
            await world.send(client, b" " * 2**26)
        await world.servers[0].is_lost.wait()

    run(test)


@pytest.mark.parametrize("limit", ["IDLE_SECONDS", "MOST_SECONDS"])
def test_a_client_that_does_not_hang_up_is_left(
    monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(lingering, limit, 0.05)

    async def test(world: World) -> None:
        client = await world.connect()
        if limit == "IDLE_SECONDS":
            await world.servers[0].is_lost.wait()
            return
        while not world.servers[0].is_lost.is_set():
            try:
                await world.send(client, b" ")
            except ConnectionError:
                return
            await asyncio.sleep(0.005)  # never idle

    run(test)


def test_when_the_process_ends_a_client_is_left_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lingering, "STOPPING_SECONDS", 0.05)

    async def test(world: World) -> None:
        await world.connect()
        world.servers[0].transport.hurry()
        await world.servers[0].is_lost.wait()

    run(test)


def test_of_too_many_the_one_that_lingers_for_longest_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lingering, "MOST_CONNECTIONS", 2)
    monkeypatch.setattr(lingering, "_lingering", {})

    async def test(world: World) -> None:
        lingering._lingering.clear()
        for _ in range(3):
            await world.connect()
        await world.servers[0].is_lost.wait()
        assert not any(server.is_lost.is_set() for server in world.servers[1:])

    run(test)
