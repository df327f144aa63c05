"""Events: everything first, then what changed, the newest of each topic; bounded in readers and memory."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from edge.web import server as web_server
from edge.web.stream import Stream
from tests.edge.web.serving import Page, T, served, so


@contextlib.asynccontextmanager
async def events(client: httpx.AsyncClient) -> AsyncIterator[AsyncIterator[tuple[str, Any]]]:
    """The events of a stream, as a browser would read them (and its comments, as `:`)."""
    async with client.stream("GET", "/events", timeout=15) as stream:
        assert stream.status_code == 200
        assert stream.headers["content-type"] == "text/event-stream; charset=utf-8"

        async def read() -> AsyncIterator[tuple[str, Any]]:
            kind, rest = "", b""
            async for part in stream.aiter_raw():
                *lines, rest = (rest + part).split(b"\n")
                for line in lines:
                    if line.startswith(b":"):
                        yield ":", line
                    elif line.startswith(b"event: "):
                        kind = line.removeprefix(b"event: ").decode()
                    elif line.startswith(b"data: "):
                        yield kind, json.loads(line.removeprefix(b"data: "))

        yield read()


async def until(found: AsyncIterator[tuple[str, Any]], kind: str) -> Any:
    async with asyncio.timeout(15):
        async for one, data in found:
            if one == kind:
                return data
    raise AssertionError(f"the stream ended before {kind}")


@pytest.fixture
def page(free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch) -> Page:
    monkeypatch.setattr(web_server, "Stream", lambda view: Stream(view, most=3, beat_s=0.05))
    return Page(f"127.0.0.1:{free_port()}")


@pytest.fixture
async def client(page: Page) -> AsyncIterator[httpx.AsyncClient]:
    async with served(page) as client:
        yield client


async def test_first_everything_then_what_changed(client: httpx.AsyncClient, page: Page) -> None:
    async with events(client) as found:
        first = await until(found, "all")
        assert first == {"t": T, "state": json.loads(json.dumps(page.board.snapshot()))}
        page.board.put({"counter/1": {"state": "serving", "ticket": "A007"}, "alert/x": None})
        assert (await until(found, "changed"))["state"] == {"counter/1": {"state": "serving", "ticket": "A007"}, "alert/x": None}


async def test_a_line_break_in_a_text_breaks_no_event(client: httpx.AsyncClient, page: Page) -> None:
    async with events(client) as found:
        await until(found, "all")
        text = "one\ntwo\r\ndata: three\u2028\x85"
        page.board.put({"advice/odd": {"text": text}})
        assert (await until(found, "changed"))["state"]["advice/odd"]["text"] == text


async def test_it_beats_for_proxies_and_for_pages(client: httpx.AsyncClient) -> None:
    async with events(client) as found:
        await until(found, ":")
        assert await until(found, "beat") == {"t": T}


async def test_a_reader_that_comes_again_has_everything_again(client: httpx.AsyncClient, page: Page) -> None:
    async with events(client) as found:
        await until(found, "all")
    page.board.put({"alert/x": None})
    async with events(client) as found:
        assert "alert/x" not in (await until(found, "all"))["state"]


async def test_readers_are_bounded_and_make_room_when_they_go(client: httpx.AsyncClient, page: Page) -> None:
    async with contextlib.AsyncExitStack() as stack:
        open_ = [await stack.enter_async_context(events(client)) for _ in range(3)]
        for found in open_:
            await until(found, "all")
        refused = await client.get("/events")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        assert "3 pages are open" in refused.json()["error"]
    await so(lambda: not page.board._listeners)
    async with events(client) as found:
        await until(found, "all")


async def test_a_slow_reader_has_the_newest_and_costs_no_memory(client: httpx.AsyncClient, page: Page) -> None:
    """The wire is full: what changes meanwhile is kept once a topic, not once a change."""
    reader, writer = await asyncio.open_connection("127.0.0.1", page.server.ports[0], limit=1024)
    writer.write(b"GET /events HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
    await reader.readuntil(b"event: all")
    for step in range(400):
        page.board.put({"advice/big": {"text": "x" * 200_000, "step": step}})
        await asyncio.sleep(0)
    waiting = [len(listener.changed) for listener in page.board._listeners]
    assert waiting == [] or max(waiting) <= 1
    seen: list[int] = []
    async with asyncio.timeout(15):
        tail = b""
        while not seen or seen[-1] != 399:
            tail += await reader.read(1 << 20)
            *whole, tail = tail.split(b"\n\n")
            seen += [int(part.rpartition(b'"step":')[2].split(b"}")[0]) for part in whole if b'"step":' in part]
    assert seen == sorted(seen)
    assert len(seen) < 400, "not every one: the newest"
    writer.close()


async def test_only_reading(client: httpx.AsyncClient) -> None:
    assert (await client.post("/events", headers={"x-smartbranch": "1"})).status_code == 405
