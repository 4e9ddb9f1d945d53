"""Profiles in the tests of the SDKs: a table of operations and what must be left of them, and how to read a profile.

A step is an operation and its argument, in the words of the wire without the dollar sign; the tests turn steps into
calls of an SDK.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from tests.support.http.exchange import Request
from tests.support.server import VISIBLE_TIMEOUT_S, Project, Server, basic

Step = tuple[str, Any]
AWKWARD: dict[str, Any] = {
    "$name": "Zoë 😀 & Söhne",
    "plan": "pro+ / 100% = ✓",
    "price": 1.5,
    "paid": True,
    "tags": ["a&b", "c=d", 1],
    "nested": {"count": 3, "deeper": {"list": [1, "😀"]}},
}
SDKS_OWN = {
    *("$os", "$browser", "$browser_version", "$initial_referrer", "$initial_referring_domain", "$last_seen"),
    *("$city", "$region", "$country_code", "$timezone", "$geo_source"),
}
"""Properties that an SDK or the server adds on its own."""


@dataclass(frozen=True)
class Row:
    """Steps in order, and the properties then; None means that there is no profile."""

    name: str
    steps: tuple[Step, ...]
    left: dict[str, Any] | None
    users_only: bool = False
    """Whether SDKs have no such operation for groups."""

    @property
    def profile_id(self) -> str:
        """Whose profile the steps change: nobody else's."""
        return f"{self.name} ü 😀"


ROWS = [
    Row("set", (("set", AWKWARD),), AWKWARD),
    Row("set overwrites", (("set", {"a": 1, "b": 2}), ("set", {"b": "3", "c": [4]})), {"a": 1, "b": "3", "c": [4]}),
    Row("set once", (("set_once", {"a": 1}), ("set_once", {"a": 2, "b": 3})), {"a": 1, "b": 3}),
    Row("set once after set", (("set", {"a": ""}), ("set_once", {"a": 2})), {"a": ""}),
    Row("add", (("add", {"a": 2}), ("add", {"a": -5, "b": 1.5})), {"a": -3, "b": 1.5}, users_only=True),
    Row("add to a string", (("set", {"a": "x"}), ("add", {"a": 1})), {"a": "x"}, users_only=True),
    Row("append", (("append", {"a": 1}), ("append", {"a": "😀"}), ("append", {"a": 1})), {"a": [1, "😀", 1]}, True),
    Row("union", (("union", {"a": ["x", "y"]}), ("union", {"a": ["y", "z"]})), {"a": ["x", "y", "z"]}),
    Row("remove", (("set", {"a": ["x", "y"]}), ("remove", {"a": "x"}), ("remove", {"a": "none"})), {"a": ["y"]}),
    Row("unset", (("set", {"a": 1, "b": 2, "c 😀": 3}), ("unset", ["a", "c 😀", "none"])), {"b": 2}),
    Row("unset and set once", (("set", {"a": 1}), ("unset", ["a"]), ("set_once", {"a": 2})), {"a": 2}),
    Row("delete", (("set", {"a": 1}), ("delete", None)), None),
    Row("delete and set", (("set", {"a": 1}), ("delete", None), ("set", {"b": 2})), {"b": 2}),
]
GROUP_ROWS = [row for row in ROWS if not row.users_only]


def profile_when(server: Server, project: Project, profile_id: str, *names: str) -> dict[str, Any]:
    """A user's profile as soon as it has properties of these names: what an SDK holds back is in no queue of its."""
    deadline = time.monotonic() + VISIBLE_TIMEOUT_S
    while not set(names) <= (found := profiles_of(server, project).get(profile_id, {})).keys():
        assert time.monotonic() < deadline, f"{found} lacks some of {names}"
    return found


def profiles_of(server: Server, project: Project, group_key: str = "") -> dict[str, dict[str, Any]]:
    """Every profile of the project by its id, all pages: users', or those of a group key."""
    server.wait_loaded()
    asked = {"data_group_id": group_key} if group_key else {}
    found: dict[str, dict[str, Any]] = {}
    for page in range(1000):
        answer = _page(server, project, asked | ({"page": str(page)} if page else {}))
        found |= {each["$distinct_id"]: each["$properties"] for each in answer["results"]}
        asked |= {"session_id": answer["session_id"]}
        if (page + 1) * answer["page_size"] >= answer["total"]:
            return found
    raise AssertionError("pages without end")


def _page(server: Server, project: Project, asked: dict[str, str]) -> dict[str, Any]:
    headers = (basic(project.secret), ("Content-Type", "application/x-www-form-urlencoded"))
    target = f"{server.prefix}/api/2.0/engage?project_id={project.project_id}"
    reply = server.ask(Request("POST", target, headers, urlencode(asked).encode()))
    assert reply.status == 200, reply
    answer: dict[str, Any] = json.loads(reply.body)
    assert answer["status"] == "ok"
    return answer


def own_of(profiles: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The profiles without what an SDK or the server adds."""
    return {
        profile_id: {name: value for name, value in shown.items() if name not in SDKS_OWN}
        for profile_id, shown in profiles.items()
    }


def left_of(rows: Sequence[Row]) -> dict[str, dict[str, Any]]:
    """All profiles that there are after every row's steps, each on the profile that `Row.profile_id` names."""
    return {row.profile_id: row.left for row in rows if row.left is not None}
