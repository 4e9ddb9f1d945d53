"""What a link may show to strangers, and for how long: pure rules.

A link shows aggregates, never people. A breakdown by a property that names people has a series for each of them. What
counts is how many users a value has (`users_of_values`), whatever it is called. The names here are those that SDKs and
the server give to ids and contact data, and what people commonly call them: their reports are refused when a link is
made, so that nobody makes one that shows nothing. Values that look like e-mail addresses are refused, too.
"""

import re
from collections.abc import Iterable
from datetime import date
from typing import Final

from trackway.domain.errors import RequestError
from trackway.edge.api.reports.bookmarks.documents import Bookmark, GroupClause
from trackway.edge.api.reports.bookmarks.strict_json import strict_json
from trackway.projects.limits import SHARE_LINK_DAYS_MAX
from trackway.projects.saved import ShareLink
from trackway.query.sql.days import Days
from trackway.query.sql.lookups import ARROW

EXPIRIES: Final = {"7": "7 days", "30": "30 days", "90": "90 days", "date": "A date"}
"""Words of the form, and what a reader sees."""
_DAY_MS: Final = 86_400_000
_IDS: Final = ("distinctid", "distinctidbeforeidentity", "userid", "deviceid", "anonid", "anonymousid", "identifiedid")
_DEVICES: Final = ("insertid", "advertisingid", "idfa", "idfv", "gaid")
_CONTACTS: Final = ("email", "emailaddress", "mail", "phone", "phonenumber", "mobile", "ip", "ipaddress", "address")
_NAMES: Final = ("firstname", "lastname", "fullname", "username", "login")
_OF_PEOPLE: Final = frozenset((*_IDS, *_DEVICES, *_CONTACTS, *_NAMES))
"""Names in lower case, letters alone: `$user_id`, `userId` and `User ID` are one."""
_LAST_WORDS: Final = _OF_PEOPLE - {"address", "login", "mail", "mobile"}
"""Those that mean people after other words, too: `customer_email`, but not `page address`, `last login`."""
_WORD: Final = re.compile("[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_OF_PROFILES: Final = frozenset({"name"})
"""The same for properties of users. An event's `name` is often that of a product."""
_BROKEN_DOWN: Final = ("insights", "funnels", "retention")
"""Types of reports that may have a breakdown."""
_USERS: Final = ("people", "user")
_EMAIL: Final = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")


def check_shareable(type: str, params: str) -> None:
    """Raise RequestError 400 for a saved report that no link may show."""
    if type == "flows":  # events alone
        return
    if type not in _BROKEN_DOWN:
        raise RequestError(400, f"a link does not show reports of type {type}")
    for clause in strict_json(params, Bookmark, "the definition").sections.group or ():
        name = str(clause.propertyName or clause.value)
        if _names_people(clause, name):
            raise RequestError(400, f"a link shows no people, and this report has a series for each {name[:40]!r}")


def check_values(names: Iterable[str]) -> None:
    """Raise RequestError 400 for series whose names look like e-mail addresses."""
    if any(_EMAIL.search(name) for name in names):
        raise RequestError(400, "a link shows no people, and values of this report look like e-mail addresses")


def expiry_ms(chosen: str, day: str, days: Days, now_ms: int) -> int:
    """When a link ends, in milliseconds since the epoch: after some days, or at the end of a day of the project.

    Raises RequestError 400.
    """
    if chosen not in EXPIRIES:
        raise RequestError(400, f"expires must be one of {', '.join(EXPIRIES)}")
    if chosen != "date":
        return now_ms + int(chosen) * _DAY_MS
    try:
        end_ms = days.bounds_ms(date.fromisoformat(day), date.fromisoformat(day))[1]
    except (ValueError, OverflowError) as error:
        raise RequestError(400, "the date must be a day, such as 2026-11-30") from error
    if not now_ms < end_ms <= now_ms + SHARE_LINK_DAYS_MAX * _DAY_MS:
        raise RequestError(400, f"the date must be within the next {SHARE_LINK_DAYS_MAX} days")
    return end_ms


def is_expired(link: ShareLink, now_ms: float) -> bool:
    """Whether a link shows nothing any more because its time is over."""
    return now_ms >= link.expires_at_ms


def _names_people(clause: GroupClause, name: str) -> bool:
    if ARROW in name:  # a column of a lookup table
        name = name.rpartition(ARROW)[2]
    letters = re.sub("[^a-z]", "", name.lower())
    words = [word.lower() for word in _WORD.findall(name)]
    endings = {"".join(words[place:]) for place in range(len(words))}
    return (
        letters in _OF_PEOPLE
        or not _LAST_WORDS.isdisjoint(endings)
        or (clause.resourceType in _USERS and letters in _OF_PROFILES)
    )
