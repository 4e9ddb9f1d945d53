"""Events as SDKs send them. A kind and a number go in, the event's object leaves; equal numbers give equal events.

`browser` has what the browser SDK (mixpanel-browser 2.83) puts into every event, in its order, with three to five
properties of the shop's own. `server` is what a backend sends through the Python SDK. Nothing is chosen to suit the
server: ids are as random as an SDK makes them, times have milliseconds where the SDK's have, and a fixed share of
events carries a list, a nested object, a null or a long text. Times run through the last 30 days, as in a backfill.
"""

import random
import string
import time
import uuid
from functools import lru_cache
from typing import Any, Final, NamedTuple

from bench.plan import Kind

TOKEN: Final = "0123456789abcdef0123456789abcdef"  # a project's token has this form
DAYS: Final = 30
PEOPLE: Final = 20_000

LIST_SHARE: Final = 0.15
NESTED_SHARE: Final = 0.08
NULL_SHARE: Final = 0.10
LONG_TEXT_SHARE: Final = 0.03
KNOWN_USER_SHARE: Final = 0.4
"""People who have signed in: their events carry `$user_id` and have it as distinct_id."""

_BASE36: Final = string.digits + string.ascii_lowercase
PAGE_VIEW: Final = "$mp_web_page_view"
_NAMES: Final = {PAGE_VIEW: 40, "Product Viewed": 25, "Search": 12, "Added to Cart": 10, "Signed Up": 3, "Paid": 10}
_SYSTEMS: Final = (
    ("Windows", "Chrome", ""),
    ("Windows", "Microsoft Edge", ""),
    ("Mac OS X", "Safari", ""),
    ("Mac OS X", "Chrome", ""),
    ("iOS", "Mobile Safari", "iPhone"),
    ("Android", "Chrome", "Android"),
    ("Linux", "Firefox", ""),
)
_SCREENS: Final = (
    (1080, 1920),
    (982, 1512),
    (1117, 1728),
    (844, 390),
    (915, 412),
    (1440, 2560),
    (768, 1366),
    (932, 430),
)
_REFERRERS: Final = (
    ("$direct", "$direct"),
    ("https://www.google.com/", "www.google.com"),
    ("https://news.ycombinator.com/item?id=38212345", "news.ycombinator.com"),
    ("https://l.instagram.com/?u=https%3A%2F%2Fshop.example.com&e=AT0x", "l.instagram.com"),
    ("https://duckduckgo.com/", "duckduckgo.com"),
    ("https://shop-reviews.example.org/2026/best-winter-jackets?ref=list", "shop-reviews.example.org"),
)
_CATEGORIES: Final = ("shoes", "jackets", "bags", "hats", "jeans", "shirts", "socks", "Zubehör")
_WORDS: Final = (
    *("size", "came", "delivery", "blue", "return", "refund", "quick", "colour"),
    *("grün", "order", "arrived", "wrong", "happy", "again", "schön", "where"),
)


class Person(NamedTuple):
    """One visitor with one device."""

    device_id: str
    user_id: str
    system: int
    browser_version: int
    screen: int
    referrer: int


@lru_cache(maxsize=1)
def _people() -> list[Person]:
    dice = random.Random(20_000)
    return [
        Person(
            str(uuid.UUID(int=dice.getrandbits(128), version=4)),
            f"user-{100_000 + number}" if dice.random() < KNOWN_USER_SHARE else "",
            dice.randrange(len(_SYSTEMS)),
            dice.randint(118, 142),
            dice.randrange(len(_SCREENS)),
            dice.randrange(len(_REFERRERS)),
        )
        for number in range(PEOPLE)
    ]


def make_events(kind: Kind, first: int, count: int, total: int) -> list[dict[str, Any]]:
    """Events `first` to `first + count` of a series of `total` that ends an hour ago."""
    dice = random.Random(first)
    make = _browser_event if kind == "browser" else _server_event
    end_s = int(time.time()) - 3600
    span_s = DAYS * 86_400
    return [make(dice, end_s - span_s + span_s * (first + index) / total) for index in range(count)]


def make_current_events(kind: Kind, count: int) -> list[dict[str, Any]]:
    """Events of this moment, as `/track` takes them."""
    dice = random.Random(count)
    make = _browser_event if kind == "browser" else _server_event
    return [make(dice, time.time() - 2) for _ in range(count)]


def _browser_event(dice: random.Random, time_s: float) -> dict[str, Any]:
    person = _people()[int(PEOPLE * dice.random() ** 2)]  # some come much more often than others
    name = dice.choices(list(_NAMES), list(_NAMES.values()))[0]
    properties = _page(dice, person, name) | {"$insert_id": _browser_id(dice), "time": round(time_s - dice.random(), 3)}
    properties["distinct_id"] = person.user_id or f"$device:{person.device_id}"
    properties["$device_id"] = person.device_id
    properties["$initial_referrer"], properties["$initial_referring_domain"] = _REFERRERS[person.referrer]
    if person.user_id:
        properties["$user_id"] = person.user_id
    return {"event": name, "properties": properties | _own(dice, name) | {"token": TOKEN}}


def _page(dice: random.Random, person: Person, name: str) -> dict[str, Any]:
    """What the SDK finds out about browser and page; more of it where it counts page views."""
    system, browser, device = _SYSTEMS[person.system]
    height, width = _SCREENS[person.screen]
    path, query = _address(dice), f"?utm_source=newsletter&page={dice.randrange(20)}" if dice.random() < 0.5 else ""
    found: dict[str, Any] = {"$os": system, "$browser": browser}
    if dice.random() < 0.6:
        found |= {"$referrer": f"https://shop.example.com{_address(dice)}", "$referring_domain": "shop.example.com"}
    if device:
        found["$device"] = device
    found |= {
        "$current_url": f"https://shop.example.com{path}{query}",
        "$browser_version": person.browser_version,
        "$screen_height": height,
        "$screen_width": width,
        "mp_lib": "web",
        "$lib_version": "2.83.0",
    }
    if name == PAGE_VIEW:
        found |= {"current_page_title": f"{path[1:].replace('/', ' ')} | Shop", "current_domain": "shop.example.com"}
        found |= {"current_url_path": path, "current_url_protocol": "https:"}
        found |= {"current_url_search": query} if query else {}
    return found


def _address(dice: random.Random) -> str:
    return f"/{dice.choice(_CATEGORIES)}/{dice.choice(_WORDS)}-{dice.choice(_WORDS)}-{dice.randrange(5000)}"


def _server_event(dice: random.Random, time_s: float) -> dict[str, Any]:
    name = dice.choices(list(_NAMES), list(_NAMES.values()))[0]
    properties: dict[str, Any] = {
        "token": TOKEN,
        "distinct_id": f"user-{100_000 + int(PEOPLE * dice.random() ** 2)}",
        "time": int(time_s),
        "$insert_id": f"{dice.getrandbits(128):032x}",
        "mp_lib": "python",
        "$lib_version": "5.1.0",
        "request_id": str(uuid.UUID(int=dice.getrandbits(128), version=4)),
        "service": "checkout",
        "environment": "production",
        "host": f"checkout-{dice.randrange(12)}.eu-west-1.internal",
    }
    return {"event": name, "properties": properties | _own(dice, name)}


def _own(dice: random.Random, name: str) -> dict[str, Any]:
    """The three to five properties that the shop's developers added."""
    own: dict[str, Any] = {
        "category": dice.choice(_CATEGORIES),
        "price": round(dice.uniform(5, 400), 2),
        "signed_in": dice.random() < KNOWN_USER_SHARE,
    }
    if name == "Search":
        own["query"] = " ".join(dice.choices(_WORDS, k=3))
    if dice.random() < LIST_SHARE:
        own["items"] = [f"sku-{dice.randrange(100_000)}" for _ in range(dice.randint(1, 6))]
    if dice.random() < NESTED_SHARE:
        own["cart"] = {"total": round(dice.uniform(5, 900), 2), "coupon": {"code": "WINTER", "percent": 10}}
    if dice.random() < NULL_SHARE:
        own["campaign"] = None
    if dice.random() < LONG_TEXT_SHARE:
        own["message"] = " ".join(dice.choices(_WORDS, k=dice.randint(40, 100))) + " 👍"
    return own


def _browser_id(dice: random.Random) -> str:
    return "".join(dice.choices(_BASE36, k=16))
