"""Requests of profile updates and links for the loader, and stories of several."""

import json
import time
from collections.abc import Mapping
from typing import Any

import msgspec

from trackway.domain.endpoint import Endpoint
from trackway.domain.entry import VERSION, Entry, Update, encode_entries
from trackway.domain.link import Link, LinkKind

USER = ""
NOW_US = time.time_ns() // 1000


def update(profile_id: str, operations: Mapping[str, Any], group_key: str = USER) -> Update:
    return Update(group_key, profile_id, json.dumps(operations).encode())


def entry_of(*updates: Update, received_us: int = NOW_US, project_id: int = 7) -> Entry:
    endpoint = Endpoint.GROUPS if updates and updates[0].group_key else Endpoint.ENGAGE
    return Entry(VERSION, project_id, received_us, endpoint, updates=list(updates))


def request(*updates: Update, project_id: int = 7) -> bytes:
    return encode_entries([entry_of(*updates, project_id=project_id)])


STORY = (
    request(update("ann", {"$set": {"plan": "free", "$last_seen": "2026-01-01T00:00:00"}, "$add": {"logins": 1}})),
    request(
        update("ann", {"$add": {"logins": 1}}),
        update("bob", {"$append": {"bought": 1}}),
        update("ann", {"$add": {"logins": 1}}),
    ),
    request(update("acme", {"$set_once": {"seats": 3}}, "company"), update("acme", {"$set": {"x": 1}}, "team")),
    request(update("ann", {"$add": {"logins": 10}}), project_id=8),
    request(update("bob", {"$append": {"bought": 2}}), update("bob", {"$delete": ""})),
    request(update("ann", {"$add": {"logins": 1}}), update("eve", {"$union": {"tags": ["a", "b"]}})),
    request(update("bob", {"$append": {"bought": 3}}), update("eve", {"$delete": ""})),
    request(
        update("acme", {"$add": {"seats": 1}, "$unset": ["none"]}, "company"), update("ann", {"$set": {"n": None}})
    ),
)


def link_request(kind: LinkKind, id: str, to: str) -> bytes:
    return encode_entries([msgspec.structs.replace(entry_of(), links=[Link(kind, id, to, "insert-id")])])


LOGINS = (
    request(update("$device:d", {"$append": {"seen": 1}})),
    link_request(LinkKind.DEVICE, "$device:d", "ann"),
    request(update("$device:d", {"$append": {"seen": 2}}), update("ann", {"$append": {"seen": 3}})),
    link_request(LinkKind.DEVICE, "$device:d", "bob"),
    request(update("$device:d", {"$append": {"seen": 4}}), update("$device:d", {"$append": {"x": 1}}, "company")),
    link_request(LinkKind.ALIAS, "anna", "eve"),
    request(update("anna", {"$append": {"seen": 5}}), update("$device:d", {"$append": {"seen": 6}})),
    link_request(LinkKind.UNLINK, "$device:d", ""),
    request(update("$device:d", {"$append": {"seen": 7}})),
    encode_entries([entry_of(Update(USER, "anna", b'{"$append":{"seen":8}}', as_given=True))]),
)
