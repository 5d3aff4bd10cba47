"""Messages between control and worker: streams, parts for several, slow readers, ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from kappaflow.errors import ServerError, StatementError, StateNotReady
from kappaflow.server.rpc import HOLD_BYTES, Handler, Message, Reply, RpcClient, RpcServer, send_part

Scenario = Callable[[RpcClient], Awaitable[None]]


def run(tmp_path: Path, handlers: dict[str, Handler], scenario: Scenario) -> None:
    async def both() -> None:
        path = str(tmp_path / "worker.sock")
        server, client = RpcServer(handlers), RpcClient(path)
        await server.start(path)
        try:
            await asyncio.wait_for(scenario(client), 20)
        finally:
            await client.close()
            await server.close()

    asyncio.run(both())


def test_calls_and_errors(tmp_path: Path) -> None:
    async def echo(message: Message, _reply: Reply) -> object:
        return message["value"]

    async def wrong(_message: Message, _reply: Reply) -> object:
        raise StatementError("no such column")

    async def early(_message: Message, _reply: Reply) -> object:
        raise StateNotReady("a moment")

    async def scenario(client: RpcClient) -> None:
        assert await asyncio.gather(*(client.call("echo", value=i) for i in range(50))) == list(range(50))
        with pytest.raises(ServerError, match="no such column") as caught:
            await client.call("wrong")
        assert caught.value.status == 400
        with pytest.raises(ServerError) as caught:
            await client.call("early")
        assert caught.value.status == 503

    run(tmp_path, {"echo": echo, "wrong": wrong, "early": early}, scenario)


def test_a_worker_that_goes_away_while_it_is_asked_can_be_asked_again(tmp_path: Path) -> None:
    async def echo(message: Message, _reply: Reply) -> object:
        return message["value"]

    async def gone() -> None:
        raise ConnectionResetError("Connection lost")

    async def scenario(client: RpcClient) -> None:
        assert await client.call("echo", value=1) == 1
        writer = client._writer
        assert writer is not None
        writer.drain = gone
        with pytest.raises(ServerError, match="try again") as caught:
            await client.call("echo", value=2)
        assert caught.value.status == 503
        writer.close()
        assert await client.call("echo", value=3) == 3

    run(tmp_path, {"echo": echo}, scenario)


def test_a_part_for_several_streams_travels_once(tmp_path: Path) -> None:
    replies: list[Reply] = []
    go = asyncio.Event()

    async def wait(_message: Message, reply: Reply) -> None:
        replies.append(reply)
        if len(replies) == 3:
            await send_part(replies, {"rows": ["[1]"]})
            go.set()
        await go.wait()

    async def scenario(client: RpcClient) -> None:
        streams = [await client.stream("wait") for _ in range(3)]
        parts = [await stream.next() for stream in streams]
        assert parts == [{"rows": ["[1]"]}] * 3
        assert parts[0] is parts[1] is parts[2]
        assert [await stream.next() for stream in streams] == [None] * 3

    run(tmp_path, {"wait": wait}, scenario)


def test_a_slow_reader_holds_its_stream_and_lets_it_go_on(tmp_path: Path) -> None:
    flows: list[bool] = []
    told = asyncio.Event()

    async def flood(_message: Message, reply: Reply) -> None:
        def on_flow(flows_now: bool) -> None:
            flows.append(flows_now)
            told.set()

        reply.on_flow = on_flow
        part = {"rows": ["x" * 500_000]}
        for _ in range(2 * HOLD_BYTES // 500_000):
            await send_part([reply], part)
        await asyncio.Event().wait()

    async def scenario(client: RpcClient) -> None:
        stream = await client.stream("flood")
        await told.wait()
        assert flows == [False]
        told.clear()
        for _ in range(2 * HOLD_BYTES // 500_000):
            await stream.next()
        await told.wait()
        assert flows == [False, True]
        stream.close()

    run(tmp_path, {"flood": flood}, scenario)


def test_ends_from_either_side(tmp_path: Path) -> None:
    cancelled = asyncio.Event()

    async def forever(_message: Message, reply: Reply) -> None:
        await send_part([reply], {"rows": []})
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async def scenario(client: RpcClient) -> None:
        for end in ("close", "end_with"):
            stream = await client.stream("forever")
            assert await stream.next() == {"rows": []}
            if end == "close":
                stream.close()
            else:
                stream.end_with({"end": "Query terminated"})
                assert await stream.next() == {"end": "Query terminated"}
            assert await stream.next() is None
            await cancelled.wait()
            cancelled.clear()

    run(tmp_path, {"forever": forever}, scenario)


def test_a_worker_that_is_away(tmp_path: Path) -> None:
    async def scenario() -> None:
        with pytest.raises(ServerError, match="restarting") as caught:
            await RpcClient(str(tmp_path / "none.sock")).call("pull")
        assert caught.value.status == 503

    asyncio.run(scenario())
