"""Rows of profiles, and texts that try to become part of a statement."""

import json
from typing import Any

from trackway.store.client import Store


def insert_profiles(
    store: Store, *profiles: tuple[int, str, str, dict[str, Any]], position: int = 1, deleted: int = 0
) -> None:
    """(project, group key, id, properties) each."""
    lines = [
        json.dumps(
            {
                "project_id": project_id, "group_key": group_key, "profile_id": profile_id, "position": position,
                "deleted": deleted, "updated": 0, "properties": json.dumps(properties),
            }
        )
        for project_id, group_key, profile_id, properties in profiles
    ]  # fmt: skip
    columns = ["project_id", "group_key", "profile_id", "position", "deleted", "updated", "properties"]
    store.insert_rows("profiles", columns, "\n".join(lines).encode(), "JSONEachRow")


INJECTIONS = [
    "a' OR 1=1 --",
    "') OR 1=1 --",
    '"] OR 1=1 --',
    "\\' OR 1=1 --",
    "\\",
    "\\\\",
    "{project:UInt32}",
    "{where_0:String}",
    "*/ OR 1=1 /*",
    "/* ",
    "a\0' OR 1=1",
    "a\tb\nc\r",
    "'; DROP TABLE events; --",
    "%s %(project)s %%",
    "`",
    "$$",
    "\\N",
    "ü😀\u2028",
    "",
]
