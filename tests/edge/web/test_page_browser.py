"""The page in a real browser: it fits, follows, speaks both languages, acts, and shows markup in names as text."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.edge.web.serving import Page, Reply, served, so

playwright = pytest.importorskip("playwright.async_api", reason="playwright is not installed")
CHROMIUM = Path("/usr/bin/chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="no Chromium is installed (apt install chromium)"),
]
WIDTHS = [(390, 844), (1280, 900)]
MARK = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"


@pytest.fixture
async def browser() -> AsyncIterator[playwright.Browser]:
    async with playwright.async_playwright() as started:
        browser = await started.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        yield browser
        await browser.close()


class Seen:
    """An open page, and what its console said."""

    def __init__(self, tab: playwright.Page) -> None:
        self.tab = tab
        self.errors: list[str] = []
        tab.on("pageerror", lambda error: self.errors.append(str(error)))
        tab.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)

    async def says(self, selector: str, text: str) -> None:
        await playwright.expect(self.tab.locator(selector).first).to_have_text(re.compile(re.escape(text)), timeout=10_000)


@pytest.fixture
async def page(free_port: Callable[[], int]) -> AsyncIterator[Page]:
    page = Page(f"127.0.0.1:{free_port()}", MARK)
    async with served(page):
        yield page


async def opened(browser: playwright.Browser, page: Page, width: int = 1280, height: int = 900, **more: str) -> Seen:
    seen = Seen(await (await browser.new_context(viewport={"width": width, "height": height}, locale="en", **more)).new_page())
    await seen.tab.goto(page.url)
    await seen.tab.locator("#queue .service").first.wait_for(timeout=15_000)
    return seen


@pytest.mark.parametrize(("width", "height"), WIDTHS)
@pytest.mark.parametrize("language", ["zh-CN", "en"])
async def test_it_fits_in_both_languages(browser: playwright.Browser, page: Page, width: int, height: int, language: str) -> None:
    seen = await opened(browser, page, width, height)
    await seen.tab.click(f'[data-language="{language}"]')
    assert await seen.tab.evaluate("document.documentElement.scrollWidth") <= width
    beyond = await seen.tab.evaluate(
        "[...document.querySelectorAll('main *, header *')].filter(e => { const r = e.getBoundingClientRect();"
        " return r.width && (r.right > innerWidth + 1 || r.left < -1) }).map(e => e.className)"
    )
    assert beyond == []
    assert seen.errors == []


async def test_markup_in_names_tickets_and_reasons_is_text(browser: playwright.Browser, page: Page) -> None:
    page.board.put({"counter/1": {"state": "serving", "ticket": MARK, "since": None, "services": [MARK]}})
    page.board.put({"queue/personal": page.board.snapshot()["queue/personal"] | {"waiting": 1, "next": [MARK]}})
    page.reply = Reply("error", MARK)
    seen = await opened(browser, page)
    await seen.tab.click("#alerts button")
    await seen.says("#toast", MARK)
    for selector in (
        "h1",
        ".service-name",
        ".desk-ticket",
        ".tickets",
        ".notice-text",
        "#advice .why",
        "#wrong .why",
        ".plant .why",
        "#problems",
    ):
        await seen.says(selector, MARK)
    assert await seen.tab.evaluate("document.querySelectorAll('main script, main img, #toast img').length") == 0
    assert (await seen.tab.title()).startswith("Branch<script>")


async def test_it_follows_without_being_asked(browser: playwright.Browser, page: Page) -> None:
    seen = await opened(browser, page)
    await seen.tab.locator(".desk").first.evaluate("node => { node.dataset.kept = 'yes' }")
    page.board.put({"counter/1": {"state": "serving", "ticket": "A042", "since": None, "services": ["personal"]}})
    await seen.says(".desk-ticket", "A042")
    assert await seen.tab.locator(".desk").first.get_attribute("data-kept") == "yes", "the node stayed"
    page.board.put({"occupancy/hall": {"people": None, "quality": "missing", "sources": []}})
    await seen.says("#people .row-value", "未知")
    page.board.put({"alert/x": None})
    await seen.says("#alerts", "没有告警")
    assert seen.errors == []


async def test_it_speaks_the_branchs_language_and_keeps_the_chosen_one(browser: playwright.Browser, page: Page) -> None:
    seen = await opened(browser, page)
    await seen.says("#h-queue", "排队")
    await seen.says(".service-name", "Personal")
    assert await seen.tab.get_attribute("html", "lang") == "zh-CN"
    await seen.tab.click('[data-language="en"]')
    await seen.says("#h-queue", "Queue")
    assert await seen.tab.get_attribute('[data-language="en"]', "aria-pressed") == "true"
    await seen.tab.reload()
    await seen.says("#h-queue", "Queue")
    await seen.says("#people .tag", "inferred")


async def test_an_alert_is_acknowledged_by_keyboard(browser: playwright.Browser, page: Page) -> None:
    seen = await opened(browser, page)
    await seen.tab.locator("#alerts button").focus()
    await seen.tab.keyboard.press("Enter")
    await so(lambda: bool(page.asked))
    assert page.asked[0][0] == "acknowledge_alert"
    assert page.asked[0][1]["alert"] == "x"
    page.board.put({"alert/x": page.board.snapshot()["alert/x"] | {"acknowledged_by": "page"}})
    await seen.says("#alerts .notice-head", "已确认")
    await playwright.expect(seen.tab.locator("#alerts button")).to_be_hidden()


async def test_a_hand_is_released_and_a_setpoint_moved(browser: playwright.Browser, page: Page) -> None:
    seen = await opened(browser, page)
    await seen.tab.click('#climate button[title="调高 0.5 °C"]')
    await so(lambda: len(page.asked) == 1)
    assert page.asked[0][:2] == ("set_climate", {"issuer": "page", "zone": "hall", "quantity": "setpoint_c", "value": 22.5})
    await seen.tab.click('#climate button:text-is("恢复自动"):visible')
    await so(lambda: len(page.asked) == 2)
    assert page.asked[1][:2] == ("release_climate", {"issuer": "page", "zone": "hall"})


async def test_where_nobody_may_ask_there_are_no_buttons(browser: playwright.Browser, free_port: Callable[[], int]) -> None:
    page = Page(f"127.0.0.1:{free_port()}", requests=False)
    async with served(page):
        seen = await opened(browser, page)
        assert await seen.tab.locator("main button:visible").count() == 0


async def test_a_box_that_is_lost_is_said_and_found_again(browser: playwright.Browser, page: Page, free_port: Callable[[], int]) -> None:
    other = Page(f"127.0.0.1:{free_port()}")
    task = asyncio.ensure_future(other.server.run())
    await so(lambda: other.server.ports != [])
    seen = await opened(browser, other)
    await seen.says("#link", "实时")
    task.cancel()
    await asyncio.wait([task])
    await seen.says("#lost", "与本机的连接已中断：以下为 09:10 的数据")
    await playwright.expect(seen.tab.locator("main")).to_have_css("filter", "grayscale(1)")
    assert await seen.tab.evaluate("document.getElementById('main').inert")
    other.board.put({"alert/x": None})
    async with served(other):
        await seen.says("#link", "实时")
        await playwright.expect(seen.tab.locator("#lost")).to_be_hidden()
        await seen.says("#alerts", "没有告警")


CONTRAST = """
() => {
  const channel = c => { c /= 255; return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4 };
  const rgb = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const ground = node => { for (let n = node; n; n = n.parentElement) { const c = rgb(getComputedStyle(n).backgroundColor);
    if (c.length === 3 || c[3] === 1) return c } return [255, 255, 255] };
  const poor = [];
  for (const node of document.querySelectorAll('body *')) {
    const own = [...node.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    const style = getComputedStyle(node), box = node.getBoundingClientRect();
    if (!own || !box.width || style.visibility === 'hidden' || style.fontSize === '0px') continue;
    const [a, b] = [light(rgb(style.color)), light(ground(node))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) poor.push(`${node.className} ${node.textContent.slice(0, 20)} ${ratio.toFixed(2)}`);
  }
  return poor;
}
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_all_text_can_be_read(browser: playwright.Browser, page: Page, scheme: str) -> None:
    """WCAG 2.2, success criterion 1.4.3 (AA): a contrast of 4.5 or more."""
    states = {
        f"device/d{i}": {"state": state, "kind": "modbus", "reason": {"en": "x"}, "last_seen": None}
        for i, state in enumerate(("stale", "faulty", "unknown"))
    }
    counters = {
        f"counter/{i + 1}": {"state": state, "ticket": "A1", "since": None, "services": []}
        for i, state in enumerate(("open", "paused", "closed"))
    }
    page.board.put(
        states
        | counters
        | {"alert/y": {"severity": "minor", "text": {"en": "y"}, "since": "2026-11-24T09:00:00+08:00", "acknowledged_by": None}}
    )
    seen = await opened(browser, page, color_scheme=scheme)
    assert await seen.tab.evaluate(CONTRAST) == []


async def test_every_button_has_a_name_and_can_be_reached(browser: playwright.Browser, page: Page) -> None:
    seen = await opened(browser, page)
    buttons = seen.tab.locator("button:visible")
    for place in range(await buttons.count()):
        name = await buttons.nth(place).evaluate("b => b.getAttribute('aria-label') || b.textContent")
        assert name.strip()
        assert await buttons.nth(place).evaluate("b => b.tabIndex") == 0
    await seen.tab.keyboard.press("Tab")
    assert await seen.tab.evaluate("document.activeElement.className") == "skip"


async def test_changing_figures_move_nothing(browser: playwright.Browser, free_port: Callable[[], int]) -> None:
    """The layout shifts that Chromium itself counts, while every figure changes; a word may be longer than the one before it."""
    page = Page(f"127.0.0.1:{free_port()}")
    async with served(page):
        await _figures_move_nothing(await opened(browser, page), page)


async def _figures_move_nothing(seen: Seen, page: Page) -> None:
    await seen.tab.evaluate(
        "window.moved = []; new PerformanceObserver(list => list.getEntries().flatMap(entry => entry.sources)"
        ".filter(({previousRect: a, currentRect: b}) => a.y !== b.y || a.height !== b.height)"
        ".forEach(({node}) => window.moved.push(node?.id || node?.className || node?.parentElement?.className)))"
        ".observe({type: 'layout-shift'})"
    )
    queue = page.board.snapshot()["queue/personal"]
    for step in range(1, 8):
        page.board.put(
            {
                "queue/personal": queue
                | {"waiting": step * 7, "longest_wait_s": step * 240, "wait_now_s": {"p50": step * 90, "p90": step * 300}},
                "counter/1": {
                    "state": "serving" if step % 2 else "open",
                    "ticket": f"A{step:03}" if step % 2 else None,
                    "since": None,
                    "services": ["personal"],
                },
                "occupancy/hall": {"people": step * 5, "quality": "measured", "sources": []},
                "uplink": page.board.snapshot()["uplink"] | {"backlog": step * 900},
            }
        )
        await seen.says(".big", str(step * 7))
    assert await seen.tab.evaluate("window.moved") == []
