"""Where the rows of each table are on a cluster. Each table of the migrations is in one of these two."""

from collections.abc import Mapping
from typing import Final

SHARDING: Final[Mapping[str, str]] = {
    # Rows with one sorting key are on one shard, since the key contains the distinct_id: FINAL sees all copies.
    "events": "cityHash64(project_id, distinct_id)",
    "event_keys": "cityHash64(key)",
    # All rows of one id, whose newest or highest row counts.
    "profiles": "cityHash64(project_id, group_key, profile_id)",
    "identity_links": "cityHash64(project_id, id)",
    "identity_refusals": "cityHash64(project_id, insert_id)",
    # A record and the states of its replays.
    "rejected_records": "cityHash64(project_id, position)",
    "replays": "cityHash64(project_id, position)",
    # One insert is one part, and one log of tokens knows all inserts.
    "loads": "0",
    # An insert stays on one shard.
    "profile_pages": "cityHash64(session)",
    "lookup_rows": "cityHash64(version)",
    # Persons: all facts of one are together. Those of nobody are spread.
    "facts": "if(person = 0, key, person)",
    "facts_counts": "cityHash64(project_id, event, time)",
    "facts_sums": "cityHash64(project_id, event, time)",
    "facts_hours": "cityHash64(project_id, event, raw)",
    "facts_persons": "person",
}
"""By table, SQL of the number that says on which shard a row is."""
EVERYWHERE: Final = frozenset(
    (
        "schema_migrations",
        "damage",
        "erasure_ids",
        "erasures",
        "lookup_table_versions",
        "facts_versions",
        "facts_rebuilds",
        "event_ages",
        "aged_rows",
    )
)
"""Tables that every node has whole. They are small and need one truth, such as `max(sequence) + 1`."""
