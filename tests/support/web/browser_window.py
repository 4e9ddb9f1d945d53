"""A browser window on the pages: Debian's Chromium, driven as a person would, with axe to find what shuts people out.

`open_window` gives a `Window` in a browser profile of its own; `screenshot` keeps what is seen below test-artefacts/.
"""

from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from playwright.async_api import BrowserContext, ConsoleMessage, Dialog, Locator, Page

from tests.support.sdk.browser import TIMEOUT_S, Chromium
from tests.support.waiting import wait_until

ARTEFACTS = Path(__file__).parents[3] / "test-artefacts"
PHONE = {"width": 360, "height": 740}
DESK = {"width": 1200, "height": 800}
PATIENCE_MS = 10_000
_AXE = Path(__file__).parents[3] / "node_modules" / "axe-core" / "axe.min.js"
_RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
_Result = TypeVar("_Result")


@dataclass
class Window:
    """`complaints`: what the console showed as a warning or error (a page that breaks its own Content-Security-Policy
    says so there), and uncaught exceptions. `asked`: questions that came up; the answer is always yes."""

    chromium: Chromium
    context: BrowserContext
    page: Page
    base: str
    complaints: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def wait(self, awaited: Coroutine[Any, Any, _Result]) -> _Result:
        """The result of anything of Playwright's: `window.wait(window.page.…)`."""
        return self.chromium.wait(awaited)

    def open(self, path: str) -> None:
        """Go to a path below the server."""
        self.wait(self.page.goto(self.base + path))

    def sign_in(self, name: str, secret: str) -> None:
        """By the form, as a person does."""
        self.open("/app/sign-in")
        self.fill("Name", name)
        self.fill("Password", secret)
        self.press("Sign in")
        self.until(lambda: not self.path.endswith("/sign-in"))

    def take_cookies(self, cookies: dict[str, str]) -> None:
        """Go on with a session begun elsewhere."""
        self.wait(
            self.context.add_cookies(
                [{"name": name, "value": value, "url": self.base} for name, value in cookies.items()]
            )
        )

    @property
    def path(self) -> str:
        return self.page.url.removeprefix(self.base)

    def fill(self, label: str, value: str) -> None:
        self.wait(self.page.get_by_label(label, exact=True).first.fill(value))

    def choose(self, label: str, value: str) -> None:
        self.wait(self.page.get_by_label(label, exact=True).first.select_option(value))

    def press(self, name: str) -> None:
        """The first button of that name."""
        self.wait(self.page.get_by_role("button", name=name, exact=True).first.click())

    def follow(self, name: str) -> None:
        """The first link of that name."""
        self.wait(self.page.get_by_role("link", name=name, exact=True).first.click())

    def downloaded(self, name: str) -> bytes:
        """Press a button, and return the file that comes."""
        return self.wait(self._downloaded(name))

    async def _downloaded(self, name: str) -> bytes:
        async with self.page.expect_download() as coming:
            await self.page.get_by_role("button", name=name, exact=True).click()
        return (await (await coming.value).path()).read_bytes()

    def find(self, selector: str) -> Locator:
        return self.page.locator(selector)

    def text(self, selector: str = "main") -> str:
        """What a person reads there, as soon as it is there."""
        return self.wait(self.find(selector).first.inner_text())

    def texts(self, selector: str) -> list[str]:
        return self.wait(self.find(selector).all_inner_texts())

    def count(self, selector: str) -> int:
        return self.wait(self.find(selector).count())

    def run(self, script: str, argument: Any = None) -> Any:
        return self.wait(self.page.evaluate(script, argument))

    def until(self, holds: Any) -> None:
        """Return once a function of no arguments says so."""
        wait_until(holds, TIMEOUT_S, lambda: f"not so at {self.path}: {self.text()[:500]}; {self.complaints}")

    def screenshot(self, name: str) -> None:
        """The whole page, as test-artefacts/NAME.png."""
        ARTEFACTS.mkdir(exist_ok=True)
        self.wait(self.page.screenshot(path=ARTEFACTS / f"{name}.png", full_page=True))

    def violations(self) -> list[str]:
        """What axe finds, of any severity: one line for each rule that is broken, with the first place."""
        self.wait(self.page.evaluate(_AXE.read_text()))
        found = self.run("(rules) => axe.run(document, rules).then((done) => done.violations)", _RULES)
        return [f"{each['impact']}: {each['id']}: {each['help']}: {each['nodes'][0]['html'][:200]}" for each in found]

    def is_wider_than_screen(self) -> bool:
        """Whether a person has to scroll the page sideways."""
        return bool(self.run("() => document.documentElement.scrollWidth > document.documentElement.clientWidth"))

    def close(self) -> None:
        self.wait(self.context.close())

    async def say_yes(self, dialog: Dialog) -> None:
        self.asked.append(dialog.message)
        await dialog.accept()

    def hear(self, message: ConsoleMessage) -> None:
        if message.type in ("warning", "error"):
            self.complaints.append(message.text)


def open_window(chromium: Chromium, base: str, **options: Any) -> Window:
    """A window of a fresh profile. options: those of Playwright's `new_context`, such as `java_script_enabled=False`,
    `viewport=PHONE`, `color_scheme="dark"`."""
    return chromium.wait(_open(chromium, base, options))


async def _open(chromium: Chromium, base: str, options: dict[str, Any]) -> Window:
    """On the browser's loop: what Playwright sends must not be sent from another thread."""
    context = await chromium.browser.new_context(**{"viewport": DESK, **options})
    window = Window(chromium, context, await context.new_page(), base)
    window.page.set_default_timeout(PATIENCE_MS)
    window.page.on("console", window.hear)
    window.page.on("pageerror", lambda error: window.complaints.append(str(error)))
    window.page.on("dialog", window.say_yes)
    return window
