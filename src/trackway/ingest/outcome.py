"""The outcomes a record can have at the edge, and those of a whole request. Each record gets exactly one.

- accepted: durable in the journal. The loader makes it *stored* or *duplicate*.
- ignored: the client asked to drop it.
- rejected: it breaks a rule. It is kept with the reason and its bytes, so it can be corrected and sent again.
"""

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple, final

import msgspec

from trackway.ingest.limits import NESTING_DEPTH_MAX


@final
class Rejected(NamedTuple):
    """The field as the client wrote it (`properties.time`), and a sentence that names it.

    `keep`: whether the record's bytes are kept, for a correction. They are not where they must not be in this region.
    """

    field: str
    reason: str
    keep: bool = True


class Ignored:
    """The client marked the record with `$ignore`: dropped, answered as success (protocol §4)."""


IGNORED: Final = Ignored()


class Failure(msgspec.Struct, frozen=True):
    """A rejected record as the reply names it (openapi/ingestion StrictInvalid)."""

    index: int
    insert_id: str
    field: str
    message: str


class Ingested(NamedTuple):
    """The outcomes of a request's records: `accepted` + `ignored` + len(`failures`) = `received`.

    - `payload`: must be durable before the reply; empty when nothing is kept.
    - `rejected`: numbers of rejected records by reason.
    - `kept`: numbers of kept records by project, accepted or rejected.
    - `rejected_kept`: kept original bytes by project; for NO_PROJECT, rows of counts.
    - `originals_dropped`: rejected records whose bytes exceed what may be kept.
    - `on_fast_path`: events that the fast path accepted.
    """

    received: int
    accepted: int
    ignored: int
    failures: list[Failure]
    rejected: Counter[str]
    payload: bytes
    kept: Mapping[int, int] = MappingProxyType({})
    rejected_kept: Mapping[int, int] = MappingProxyType({})
    originals_dropped: int = 0
    on_fast_path: int = 0

    @property
    def imported(self) -> int:
        """Records the client need not send again."""
        return self.accepted + self.ignored


def invalid(field: str, why: str) -> Rejected:
    """A rejection as the real service words it: `'properties.time' is invalid: must not be missing`."""
    return Rejected(field, f"'{field}' is invalid: {why}")


def missing_or_empty(field: str) -> Rejected:
    """A rejection of a profile record that lacks one of its names: `$distinct_id, missing or empty`."""
    return Rejected(field, f"{field}, missing or empty")


EVENT_MISSING = Rejected("event", "event, missing")
TOKEN_MISSING = Rejected("properties.token", "token, missing or empty")
PROFILE_TOKEN_MISSING = missing_or_empty("$token")
DISTINCT_ID_MISSING = Rejected("properties.distinct_id", "distinct_id, missing or empty")
DATA_MISSING = "data, missing or empty"
NOT_UTF8 = "string should be valid utf8"
BEYOND_DOUBLE = "must not hold a number beyond the range of a double"
NESTED_TOO_DEEP = f"must not be nested deeper than {NESTING_DEPTH_MAX} levels"
