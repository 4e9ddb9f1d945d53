"""The demo shop: 90 days or so of a small online shop, made from a seed.

People come by campaigns, look around on a phone or a desktop, some sign up, buy, and come back, also on another device.
The same arguments always give the same events and profiles. The shop has answers to find: people of the newsletter buy
again more often, and on phones many give up between the cart and the order.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from operator import attrgetter
from random import Random
from typing import Any, Final, NamedTuple

from trackway.commands.limits import DEMO_VISITS_PER_PERSON_MAX

Properties = dict[str, Any]


class Event(NamedTuple):
    """An event as `/import` takes it, without its token. `time_ms` is Unix time."""

    time_ms: int
    name: str
    properties: Properties


class Shop(NamedTuple):
    """Everything that happened. `events` are in the order of time; `profiles` are the `$set` of each user's id."""

    events: list[Event]
    profiles: dict[str, Properties]


class _Campaign(NamedTuple):
    name: str
    share: int
    signs_up: float
    comes_back: float


class _Device(NamedTuple):
    """`buys`: the chance that somebody with a full cart places the order."""

    kind: str
    systems: tuple[str, ...]
    browsers: tuple[str, ...]
    buys: float


class _Product(NamedTuple):
    name: str
    category: str
    price: float


_CAMPAIGNS: Final = (
    _Campaign("", 40, 0.35, 0.45),
    _Campaign("spring-sale", 30, 0.30, 0.30),
    _Campaign("newsletter", 15, 0.60, 0.75),
    _Campaign("influencer", 15, 0.20, 0.15),
)
_PHONE: Final = _Device("phone", ("iOS", "Android"), ("Mobile Safari", "Chrome"), 0.35)
_DESKTOP: Final = _Device("desktop", ("Mac OS X", "Windows", "Linux"), ("Chrome", "Firefox", "Safari"), 0.75)
_PRODUCTS: Final = (
    _Product("Blue Shirt", "clothes", 24.9),
    _Product("Rain Jacket", "clothes", 89),
    _Product("Wool Socks", "clothes", 9.5),
    _Product("Tea Pot", "home", 39),
    _Product("Desk Lamp", "home", 54.9),
    _Product("Cook Book", "books", 29),
    _Product("Novel", "books", 14.9),
)
_COUNTRIES: Final = ("US", "DE", "FR", "GB", "BR", "IN")
_PLANS: Final = ("free", "free", "plus")
_FIRST_NAMES: Final = ("Ann", "Bob", "Chloe", "Dan", "Eva", "Finn", "Gita", "Hugo", "Ida", "Jon", "Kim", "Lea")
_LAST_NAMES: Final = ("Adams", "Becker", "Costa", "Dubois", "Evans", "Fischer", "Gupta", "Hill")


def demo_shop(seed: int, people: int, first_day: date, days: int) -> Shop:
    """The shop of so many visitors over `days` days from `first_day` on, in UTC."""
    begin = datetime(first_day.year, first_day.month, first_day.day, tzinfo=UTC)
    visitors = [_Visitor(Random(f"{seed}-{number}"), number, begin, days) for number in range(people)]  # noqa: S311
    events = sorted((event for visitor in visitors for event in visitor.events()), key=attrgetter("time_ms"))
    for number, event in enumerate(events):
        event.properties["$insert_id"] = f"demo-{seed}-{first_day:%Y%m%d}-{number}"
    return Shop(events, dict(visitor.profile for visitor in visitors if visitor.profile))


class _Visitor:
    """One person: who they are, and all that they do."""

    def __init__(self, random: Random, number: int, begin: datetime, days: int) -> None:
        self.profile: tuple[str, Properties] | None = None
        self._random = random
        self._number = number
        self._end = begin + timedelta(days=days)
        self._now = begin + timedelta(days=random.randrange(days), minutes=random.randrange(7 * 60, 23 * 60))
        self._campaign = random.choices(_CAMPAIGNS, [each.share for each in _CAMPAIGNS])[0]
        self._country = random.choice(_COUNTRIES)
        self._orders = 0
        self._use(random.choice((_PHONE, _DESKTOP)))

    def events(self) -> Iterator[Event]:
        """The first visit, and those after it while the person comes back and the shop's days last."""
        for visit in range(DEMO_VISITS_PER_PERSON_MAX):
            if self._now >= self._end:
                return
            yield from self._visit(is_first=visit == 0)
            if self._random.random() > self._campaign.comes_back:
                return
            self._now += timedelta(days=self._random.randint(1, 14), minutes=self._random.randint(-90, 90))
            if self._random.random() < 0.25:
                self._use(_DESKTOP if self._device is _PHONE else _PHONE)

    def _use(self, device: _Device) -> None:
        """From now on the person uses this device, where nobody knows them before they sign in."""
        self._device = device
        self._device_id = f"{device.kind}-{self._number:05}"
        self._common = {
            "$os": self._random.choice(device.systems),
            "$browser": self._random.choice(device.browsers),
            "device": device.kind,
            "mp_country_code": self._country,
        }
        self._is_known = False

    def _visit(self, *, is_first: bool) -> Iterator[Event]:
        landing = {"page": "/"} | ({"utm_campaign": self._campaign.name} if is_first and self._campaign.name else {})
        yield self._event("Page viewed", landing)
        products = self._random.sample(_PRODUCTS, self._random.randint(1, 4))
        for product in products:
            yield self._event("Product viewed", {"product": product.name, "category": product.category})
        if self.profile is None and self._random.random() < self._campaign.signs_up:
            yield self._sign_up()
        elif self.profile is not None and not self._is_known:
            yield self._event("Signed in", {}, knows=True)
        if self.profile is not None and self._random.random() < 0.6:
            yield from self._shop(products[0])

    def _sign_up(self) -> Event:
        first, last = self._random.choice(_FIRST_NAMES), self._random.choice(_LAST_NAMES)
        plan = self._random.choice(_PLANS)
        self.profile = (
            f"user-{self._number:05}",
            {
                "$name": f"{first} {last}",
                "$email": f"{first}.{last}.{self._number}@example.com".lower(),
                "$created": f"{self._now:%Y-%m-%dT%H:%M:%S}",
                "plan": plan,
                "campaign": self._campaign.name or "none",
            },
        )
        return self._event("Signed up", {"plan": plan}, knows=True)

    def _shop(self, product: _Product) -> Iterator[Event]:
        quantity = self._random.randint(1, 3)
        cart = {"product": product.name, "category": product.category, "quantity": quantity}
        yield self._event("Added to cart", cart)
        if self._random.random() < 0.2:
            return
        yield self._event("Checkout started", {"category": product.category})
        if self._random.random() < self._device.buys:
            self._orders += 1
            amount = round(quantity * product.price, 2)
            yield self._event("Order placed", cart | {"amount": amount, "order": self._orders})

    def _event(self, name: str, own: Properties, *, knows: bool = False) -> Event:
        """An event some seconds after the one before. `knows`: it signs in, so it links the device to the user."""
        self._is_known = self._is_known or knows
        self._now += timedelta(seconds=self._random.randint(5, 180))
        ids: Properties = {"$device_id": self._device_id, "distinct_id": f"$device:{self._device_id}"}
        if self._is_known and self.profile is not None:
            user_id = self.profile[0]
            ids |= {"$user_id": user_id, "distinct_id": user_id}
        return Event(round(self._now.timestamp() * 1000), name, self._common | ids | own)
