"""The page's server over real sockets: what it answers, whom it refuses, and that it neither falls nor hangs."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest

from tests.edge.web.serving import OURS, Page, Reply, T, served, so

PAGE = Path(__file__).parents[3] / "edge" / "web" / "page"


@pytest.fixture
def page(free_port: Callable[[], int]) -> Page:
    return Page(f"127.0.0.1:{free_port()}")


@pytest.fixture
async def client(page: Page) -> AsyncIterator[httpx.AsyncClient]:
    async with served(page) as client:
        yield client


async def test_the_state_is_the_board(client: httpx.AsyncClient, page: Page) -> None:
    answer = await client.get("/api/state")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"branch": "test", "language": "zh-CN", "t": T, "state": json.loads(json.dumps(page.board.snapshot()))}


async def test_the_plan_names_all_in_both_languages(client: httpx.AsyncClient) -> None:
    plan = (await client.get("/api/plan")).json()
    assert plan["zones"]["hall"] == {"name": {"zh-CN": "Hall（中）", "en": "Hall"}, "commands": ["mode", "setpoint_c"]}
    assert plan["services"]["personal"]["target_wait_s"] == 600
    assert plan["requests"] is True
    assert set(plan) >= {"branch", "name", "language", "authority", "services", "counters", "doors", "devices", "build"}


async def test_every_file_of_the_page_is_served_and_asks_for_nothing_outside(client: httpx.AsyncClient) -> None:
    for path in sorted(PAGE.iterdir()):
        answer = await client.get(f"/{path.name}")
        assert answer.status_code == 200, path.name
        assert answer.content == path.read_bytes()
        again = await client.get(f"/{path.name}", headers={"if-none-match": answer.headers["etag"]})
        assert again.status_code == 304
        outside = re.findall(r"(?:https?:)?//[a-z][^\s\"')]*", re.sub(r"(?m)^\s*//.*$", "", answer.text))
        assert [url for url in outside if not url.startswith("http://www.w3.org/2000/svg")] == [], path.name
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", answer.text), path.name
    html = (await client.get("/")).text
    assert "<style" not in html
    assert "style=" not in html
    assert not re.search(r"<script(?! type=\"module\" src=)|\son[a-z]+=", html)


async def test_every_answer_says_what_a_browser_must_not_do(client: httpx.AsyncClient) -> None:
    for path in ("/", "/api/state", "/page.js", "/nothing"):
        headers = (await client.get(path)).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert (headers["x-content-type-options"], headers["x-frame-options"]) == ("nosniff", "DENY")
        assert "server" not in headers


async def test_healthy_ready_and_not_ready_with_why(client: httpx.AsyncClient, page: Page) -> None:
    assert (await client.get("/healthz")).status_code == 200
    assert (await client.get("/readyz")).status_code == 200
    page.unready = ["the store cannot be written: disk full"]
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["why"]) == (503, page.unready)
    assert (await client.get("/healthz")).status_code == 200, "the process turns all the same"


async def test_metrics(client: httpx.AsyncClient) -> None:
    answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'smartbranch_zone_people{zone="hall"} 12.0' in answer.text
    assert "smartbranch_store_commits_total 3.0" in answer.text


async def test_a_request_is_asked_and_answered(client: httpx.AsyncClient, page: Page) -> None:
    page.reply = Reply(data={"ticket": "A007"})
    answer = await client.post("/api/request/issue_ticket", json={"service": "personal"}, headers=OURS)
    assert answer.json() == {"status": "ok", "error": None, "data": {"ticket": "A007"}}
    assert page.asked == [("issue_ticket", {"issuer": "page", "service": "personal"}, "page")]
    page.reply = Reply("error", "counter 9 is not known; say counter: one of 1, 2")
    answer = await client.post("/api/request/call_next", json={"counter": "9"}, headers=OURS)
    assert (answer.status_code, answer.json()["error"]) == (409, page.reply.error)


JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (JSON, 403),  # a form or a plain fetch of another site cannot set our header
        (JSON | OURS | {"origin": "https://evil.example"}, 403),
        (JSON | OURS | {"origin": "null"}, 403),
        (JSON | OURS | {"origin": "http://127.0.0.1:1"}, 403),  # another port is another site
        (JSON | OURS | {"sec-fetch-site": "cross-site"}, 403),
        (JSON | OURS | {"sec-fetch-site": "same-site"}, 403),
        (OURS | {"content-type": "text/plain"}, 415),
        (OURS | {"content-type": "application/x-www-form-urlencoded"}, 415),
        (JSON | OURS | {"host": "evil.example"}, 421),
        (JSON | OURS | {"host": "evil.example", "origin": "http://evil.example"}, 421),
    ],
)
async def test_a_forged_request_is_refused(client: httpx.AsyncClient, page: Page, headers: dict[str, str], status: int) -> None:
    answer = await client.post("/api/request/call_next", content=b'{"counter":"1"}', headers=headers)
    assert (answer.status_code, answer.json()["status"]) == (status, "error")
    assert answer.json()["error"]
    assert page.asked == []


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "a@b", "[::1", ""])
async def test_a_name_that_is_not_ours_reads_nothing(client: httpx.AsyncClient, host: str) -> None:
    """DNS rebinding: the browser of a page elsewhere is made to speak with our address under that page's name."""
    for path in ("/api/state", "/events", "/", "/metrics"):
        assert (await client.get(path, headers={"host": host})).status_code in {400, 421}


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8080", "[::1]:8080", "LOCALHOST:99", "192.0.2.7", socket.gethostname()])
async def test_an_address_or_our_own_name_reads(client: httpx.AsyncClient, host: str) -> None:
    assert (await client.get("/api/state", headers={"host": host})).status_code == 200


async def test_a_name_from_the_branchs_file_reads(free_port: Callable[[], int]) -> None:
    async with served(Page(f"127.0.0.1:{free_port()}", hosts=("branch.bank.example",))) as client:
        host = {"host": "branch.bank.example"}
        assert (await client.get("/api/state", headers=host)).status_code == 200
        given = host | OURS | {"origin": "https://branch.bank.example"}  # TLS ends before us
        assert (await client.post("/api/request/call_next", json={}, headers=given)).status_code == 200


@pytest.mark.parametrize(
    ("verb", "body", "status"),
    [
        ("no_such", b"{}", 404),
        ("reload", b"{}", 404),  # for the broker's people, by its ACL
        ("call_next", b"{", 400),
        ("call_next", b"\xff", 400),
        ("call_next", b"[" * 9000, 400),
        ("call_next", b"[]", 400),
        ("call_next", b'"' + b"x" * 20_000 + b'"', 413),
        ("call_next", b"x" * 3_000_000, 413),
    ],
)
async def test_garbage_has_a_clear_answer(client: httpx.AsyncClient, page: Page, verb: str, body: bytes, status: int) -> None:
    answer = await client.post(f"/api/request/{verb}", content=body, headers=JSON | OURS)
    assert (answer.status_code, answer.json()["status"]) == (status, "error")
    assert "Traceback" not in answer.text
    assert page.asked == []


async def test_where_requests_are_switched_off_nothing_is_asked(free_port: Callable[[], int]) -> None:
    page = Page(f"127.0.0.1:{free_port()}", requests=False)
    async with served(page) as client:
        assert (await client.get("/api/plan")).json()["requests"] is False
        answer = await client.post("/api/request/call_next", json={}, headers=OURS)
        assert (answer.status_code, page.asked) == (403, [])
        assert "web: requests: true" in answer.json()["error"]


async def test_what_is_not_there_is_said(client: httpx.AsyncClient) -> None:
    assert (await client.get("/../../etc/passwd")).status_code == 404
    assert (await client.get("/%2e%2e/server.py")).status_code == 404
    assert (await client.get("/nothing")).json()["error"] == "nothing is at /nothing"
    assert (await client.delete("/api/state", headers=OURS)).status_code == 405
    assert (await client.get("/api/request/call_next")).json()["status"] == "error"


async def test_a_mistake_of_ours_gives_no_traceback(client: httpx.AsyncClient, page: Page, caplog: pytest.LogCaptureFixture) -> None:
    page.reply = Reply(data={"x": object()})
    with caplog.at_level(logging.CRITICAL, "uvicorn.error"):
        answer = await client.post("/api/request/call_next", json={}, headers=OURS)
    assert (answer.status_code, answer.json()["error"]) == (500, "that failed on the box; its log says why")


async def test_too_many_at_once_are_told_so(client: httpx.AsyncClient, page: Page) -> None:
    page.gate.clear()
    under_way = [asyncio.ensure_future(client.post("/api/request/recall", json={}, headers=OURS)) for _ in range(16)]
    await so(lambda: len(page.asked) == 16)
    refused = await client.post("/api/request/call_next", json={}, headers=OURS)
    assert (refused.status_code, refused.json()["status"]) == (429, "error")
    page.gate.set()
    assert {(await answer).status_code for answer in under_way} == {200}


async def test_what_is_no_http_hurts_nobody(client: httpx.AsyncClient, page: Page, caplog: pytest.LogCaptureFixture) -> None:
    for garbage in (
        b"\x16\x03\x01\x02\x00\x01\x00\xff" * 9,
        b"GET /" + b"a" * 40_000,
        b"\x00" * 70_000,
        b"GET / HTTP/1.1\r\nhost: \xff\r\n\r\n",
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", page.server.ports[0])
        writer.write(garbage)
        async with asyncio.timeout(10):
            await reader.read(64)
        writer.close()
    assert (await client.get("/healthz")).status_code == 200
    assert caplog.records == []


async def test_a_port_that_is_taken_is_told_once_and_tried_again(page: Page, caplog: pytest.LogCaptureFixture) -> None:
    host, port = page.url.removeprefix("http://").split(":")
    taken = socket.create_server((host, int(port)))
    task = asyncio.ensure_future(page.server.run())
    try:
        await so(lambda: page.server.problem is not None)
        assert page.server.problem
        assert f"port {port} is taken" in page.server.problem["en"]
        assert "占用" in page.server.problem["zh-CN"]
        taken.close()
        await so(lambda: page.server.problem is None)
        async with httpx.AsyncClient(base_url=page.url) as client:
            assert (await client.get("/healthz")).status_code == 200
    finally:
        task.cancel()
        await asyncio.wait([task])
    told = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(told) == 2, told


@pytest.mark.parametrize("listen", ["192.0.2.1:8080", "no.such.host.invalid:8080"])
async def test_an_address_that_is_not_ours_is_a_problem_and_stops_nothing(listen: str) -> None:
    page = Page(listen)
    task = asyncio.ensure_future(page.server.run())
    await so(lambda: page.server.problem is not None)
    assert not task.done()
    assert page.server.problem
    assert "web: listen:" in page.server.problem["en"]
    task.cancel()
    await asyncio.wait([task])


async def test_localhost_listens_on_what_the_box_has(free_port: Callable[[], int]) -> None:
    page = Page(f"localhost:{free_port()}")
    async with served(page) as client:
        assert (await client.get("/healthz")).status_code == 200


async def test_it_stops_at_once_with_streams_open_and_a_request_under_way(page: Page) -> None:
    task = asyncio.ensure_future(page.server.run())
    await so(lambda: page.server.ports != [])
    async with httpx.AsyncClient(base_url=page.url) as client, client.stream("GET", "/events") as stream:
        lines = stream.aiter_lines()
        await anext(lines)
        reader, writer = await asyncio.open_connection("127.0.0.1", page.server.ports[0])
        writer.write(b"POST /api/request/call_next HTTP/1.1\r\nhost: 127.0.0.1\r\nx-smartbranch: 1\r\ncontent-type: application/json\r\n")
        writer.write(b"content-length: 99\r\n\r\n{")
        await writer.drain()
        began = time.monotonic()
        task.cancel()
        await asyncio.wait([task], timeout=10)
        assert task.cancelled()
        assert time.monotonic() - began < 5  # far from the 10 s that a body may take
        writer.close()
        del reader
        async for _ in lines:
            pass


async def test_signals_stay_the_daemons(client: httpx.AsyncClient) -> None:
    assert signal.getsignal(signal.SIGTERM) in {signal.SIG_DFL, signal.default_int_handler}
