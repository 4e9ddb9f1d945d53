"""Questions that a product team asks, answered with the pages alone: the answer is right, and few clicks away."""

from collections import defaultdict
from typing import Any

import pytest

from tests.conftest import MakeProjects
from tests.support.demo_shop import load_demo_shop
from tests.support.http.profiles import set_profiles
from tests.support.server import Project, Server
from tests.support.web.browser_window import Window
from trackway.commands.demo_shop import Shop

DAY_MS = 86_400_000
FIRST, LAST = "2025-03-01", "2025-03-30"


@pytest.fixture(scope="module")
def project(make_projects: MakeProjects) -> Project:
    return make_projects(1)[0]


@pytest.fixture(scope="module")
def shop(server: Server, project: Project) -> Shop:
    shop = load_demo_shop(server, project)
    set_profiles(server, project, shop.profiles)
    return shop


class Hand:
    """A visitor's hand, which counts its clicks. A choice takes two."""

    def __init__(self, window: Window, project: Project) -> None:
        self.clicks = 0
        self._window = window
        window.open(f"/app/projects/{project.project_id}")

    def go(self, page: str) -> None:
        self.clicks += 1
        link = self._window.page.locator("body > nav").get_by_role("link", name=page, exact=True)
        self._window.wait(link.click())
        self._window.until(lambda: self._window.text("h1").startswith(page))

    def write(self, label: str, text: str) -> None:
        self.clicks += 1
        self._window.fill(label, text)

    def choose(self, label: str, value: str) -> None:
        self.clicks += 2
        self._window.choose(label, value)

    def days(self) -> None:
        """The days of the shop, which are not the last ones."""
        self.choose("Range", "custom")
        self.write("Custom from", FIRST)
        self.write("Custom to", LAST)

    def show(self) -> None:
        self.clicks += 1
        self._window.press("Show")
        self._window.until(lambda: "As of" in self._window.text() and f"to={LAST}" in self._window.path)

    def rows(self, caption: str) -> dict[str, list[str]]:
        """The cells of a table by the first one."""
        found = self._window.texts(f".table[aria-label='{caption}'] tbody tr")
        cells = [row.replace("\u202f", "").split("\t") for row in found]
        return {first.strip(): [each.strip() for each in rest] for first, *rest in cells}


def orders_by_user(shop: Shop) -> dict[str, list[int]]:
    found = defaultdict(list)
    for event in shop.events:
        if event.name == "Order placed":
            found[event.properties["$user_id"]].append(event.time_ms)
    return found


def test_which_campaign_brings_people_who_buy_twice(window: Window, project: Project, shop: Shop) -> None:
    expected: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for user, times in orders_by_user(shop).items():
        numbers = expected[shop.profiles[user]["campaign"]]
        numbers[0] += 1
        numbers[1] += len(times) > 1 and times[1] - times[0] <= 14 * DAY_MS
    hand = Hand(window, project)
    hand.go("Funnels")
    hand.write("Step 1", "Order placed")
    hand.write("Step 2", "Order placed")
    hand.write("Break down by", "campaign")
    hand.choose("Breakdown whose", "user")
    hand.days()
    hand.show()
    found = {name: [int(cells[0]), int(cells[1].split()[0])] for name, cells in hand.rows("By campaign").items()}
    assert found == expected
    assert hand.clicks <= 11


def test_where_people_on_phones_give_up(window: Window, project: Project, shop: Shop) -> None:
    hand = Hand(window, project)
    hand.go("Funnels")
    for number, event in enumerate(["Added to cart", "Checkout started", "Order placed"], 1):
        hand.write(f"Step {number}", event)
    hand.write("Break down by", "device")
    hand.days()
    hand.show()
    parts: dict[str, list[float]] = {}
    for device, cells in hand.rows("By device").items():
        parts[device] = [float(each.split()[1].rstrip("%")) for each in cells[1:3]]
    assert parts["phone"][1] < parts["desktop"][1] - 10, "the shop is made so: on phones few place the order"
    assert abs(parts["phone"][0] - parts["desktop"][0]) < parts["desktop"][1] - parts["phone"][1]
    assert hand.clicks <= 10


def test_what_people_do_before_they_order(window: Window, project: Project, shop: Shop) -> None:
    hand = Hand(window, project)
    hand.go("Flows")
    hand.write("Event", "Order placed")
    hand.choose("Events before it", "2")
    hand.choose("Events after it", "0")
    hand.days()
    hand.show()
    rows: dict[str, Any] = hand.rows("The most frequent paths")
    assert rows.keys() == {"Added to cart → Checkout started → Order placed"}
    assert [int(cells[0]) for cells in rows.values()] == [len(orders_by_user(shop))]
    assert hand.clicks <= 11


def test_what_a_user_of_each_plan_spends(window: Window, project: Project, shop: Shop) -> None:
    spent: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for event in shop.events:
        if event.name == "Order placed":
            user = event.properties["$user_id"]
            spent[shop.profiles[user]["plan"]][user] += event.properties["amount"]
    hand = Hand(window, project)
    hand.go("Trends")
    hand.write("Event", "Order placed")
    hand.choose("Measure", "sum per person")
    hand.write("Property of the measure", "amount")
    hand.write("Break down by", "plan")
    hand.choose("Breakdown whose", "user")
    hand.choose("Show as", "number")
    hand.days()
    hand.show()
    found = {
        plan: float(cells[0]) for plan, cells in hand.rows("Order placed: sum of amount per user, by plan").items()
    }
    assert found == pytest.approx({plan: sum(own.values()) / len(own) for plan, own in spent.items()}, abs=0.01)
    assert hand.clicks <= 15
