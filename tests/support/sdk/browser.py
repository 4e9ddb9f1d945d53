"""Debian's Chromium with the real browser SDK in it.

`running_chromium()` starts it once; `Chromium.tab()` opens a page in a profile of its own (cookies, local storage), and
the `Tab` calls the SDK there and remembers what went over the wire and what was complained about. Playwright's event
loop runs in a thread of its own, so that tests stay plain functions and may run loops of theirs.
"""

import asyncio
import contextlib
import shutil
import threading
from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request, async_playwright
from playwright.async_api import Error as PlaywrightError

from tests.support.waiting import wait_until

TIMEOUT_S = 30.0
# The limit keeps Chromium from starting a spare process for each window, which a test would never use.
_ARGUMENTS = ["--no-sandbox", "--no-proxy-server", "--renderer-process-limit=1"]
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Sent:
    """A request the page made, and the answer; `status` is 0 when none came."""

    method: str
    url: str
    status: int
    reply: str = ""


@dataclass(frozen=True)
class Verdict:
    """What the SDK handed to a callback: its verdict, and the record as it was sent or queued."""

    given: Any
    record: dict[str, Any]


@dataclass
class Tab:
    """A page. `complaints` holds what the console showed as a warning or error, and uncaught exceptions."""

    chromium: "Chromium"
    context: BrowserContext
    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[Sent] = field(default_factory=list)

    def open(self, url: str) -> None:
        """Go there; what the page had left to send is sent as it is when a person leaves a page."""
        self._wait(self.page.goto(url))

    def start(self, token: str, host: str, **config: Any) -> None:
        """`mixpanel.init`. Queues are flushed quickly unless `config` says otherwise."""
        known = {"api_host": host, "batch_flush_interval_ms": 50, "debug": True}
        self._run("([token, config]) => sdk.start(token, config)", [token, known | config])

    def call(self, path: str, *given: Any) -> Verdict:
        """`mixpanel.<path>(*given, callback)`, and what came to the callback."""
        return Verdict(*self._run("([path, given]) => sdk.call(path, given)", [path, given]))

    def call_group(self, key: str, group_id: str, name: str, *given: Any) -> Verdict:
        """`mixpanel.get_group(key, group_id).<name>(*given, callback)`."""
        told = [key, group_id, name, given]
        return Verdict(*self._run("([key, id, name, given]) => sdk.callGroup(key, id, name, given)", told))

    def tell(self, path: str, *given: Any) -> None:
        """`mixpanel.<path>(*given)`."""
        self._run("([path, given]) => sdk.tell(path, given)", [path, given])

    def property(self, name: str) -> Any:
        """What the SDK remembers of the user under that name."""
        return self._run("(name) => mixpanel.get_property(name)", name)

    def reported(self) -> list[str]:
        """What the SDK told its `error_reporter` on this page."""
        found: list[str] = self._run("() => sdk.reported", None)
        return found

    def wait_sent(self) -> None:
        """Return once the SDK's queues are empty: it takes a record out when it believes it delivered."""
        self._wait_until("() => sdk.queued() === 0")

    def wait_recording(self) -> None:
        """Return once the SDK records the session."""
        self._wait_until("() => mixpanel.get_session_recording_properties().$mp_replay_id !== undefined")

    def _wait_until(self, condition: str) -> None:
        wait_until(
            lambda: self._run(condition, None),
            TIMEOUT_S,
            lambda: f"not so: {condition}; {self.requests} {self.complaints}",
        )

    def go_offline(self, offline: bool) -> None:
        self._wait(self.context.set_offline(offline))

    def sent(self, path: str) -> list[Sent]:
        """The answered or failed requests to that path so far, in order."""
        return [each for each in self.requests if path in each.url]

    def sent_when(self, path: str, count: int) -> list[Sent]:
        """The same as soon as there are `count`, preflights not counted."""

        def found() -> list[Sent]:
            return [each for each in self.sent(path) if each.method != "OPTIONS"]

        wait_until(
            lambda: len(found()) >= count, TIMEOUT_S, lambda: f"{found()}, not {count} requests: {self.complaints}"
        )
        return found()

    def on_leaving(self, path: str, *given: Any) -> None:
        """`tell`, but when the page is being left."""
        script = "([path, given]) => addEventListener('pagehide', () => sdk.tell(path, given))"
        self._run(script, [path, given])

    def click(self) -> None:
        """A click into the page, as a person makes it."""
        self._wait(self.page.mouse.click(5, 5))

    def close(self) -> None:
        self._wait(self.context.close())

    def watch(self) -> None:
        """Remember from now on."""
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.context.on("requestfailed", lambda request: self.requests.append(Sent(request.method, request.url, 0)))
        self.context.on("requestfinished", self._finished)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("warning", "error"):
            self.complaints.append(message.text)

    async def _finished(self, request: Request) -> None:
        with contextlib.suppress(PlaywrightError):  # the page may have gone while its last reply was coming in
            response = await request.response()
            status, reply = (response.status, await response.text()) if response else (0, "")
            self.requests.append(Sent(request.method, request.url, status, reply))

    def _run(self, script: str, argument: Any) -> Any:
        return self._wait(self.page.evaluate(script, argument))

    def _wait(self, awaited: Coroutine[Any, Any, _Result]) -> _Result:
        return self.chromium.wait(awaited)


class Chromium:
    """The running browser."""

    def __init__(self, loop: asyncio.AbstractEventLoop, browser: Browser):
        self._loop = loop
        self.browser = browser

    def wait(self, awaited: Coroutine[Any, Any, _Result]) -> _Result:
        """The result of something that runs on the browser's loop."""
        self._forget_aborted_call()
        return asyncio.run_coroutine_threadsafe(awaited, self._loop).result(TIMEOUT_S)

    def _forget_aborted_call(self) -> None:
        """From 1.62 on, the answer to a call of Playwright's own that was aborted fails the next call of anybody."""
        connection = self.browser._impl_obj._connection
        if "Cannot find command to respond" in str(connection._error):
            connection._error = None

    def tab(self) -> Tab:
        """An empty page in a fresh profile."""
        return self.wait(self._open())

    async def _open(self) -> Tab:
        context = await self.browser.new_context()
        tab = Tab(self, context, await context.new_page())
        tab.watch()
        return tab


@contextlib.contextmanager
def running_chromium(*arguments: str) -> Iterator[Chromium]:
    """Chromium, headless, as long as the context lasts. `arguments`: further ones of its command line."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="chromium")
    thread.start()
    opened = contextlib.AsyncExitStack()

    def wait(awaited: Coroutine[Any, Any, _Result]) -> _Result:
        return asyncio.run_coroutine_threadsafe(awaited, loop).result(2 * TIMEOUT_S)

    try:
        yield Chromium(loop, wait(_launch(opened, arguments)))
    finally:
        wait(opened.aclose())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _launch(opened: contextlib.AsyncExitStack, arguments: Sequence[str]) -> Browser:
    executable = shutil.which("chromium-headless-shell")
    assert executable, "no chromium-headless-shell on the PATH; `make test` installs it"
    playwright = await opened.enter_async_context(async_playwright())
    browser = await playwright.chromium.launch(executable_path=executable, args=[*_ARGUMENTS, *arguments])
    opened.push_async_callback(browser.close)
    return browser
