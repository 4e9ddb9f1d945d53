"""Rows of links between ids, as the loader stores them."""

import json
from typing import Any

from tests.support.ingest.bodies import ALPHA
from trackway.domain.link import LinkKind
from trackway.store.client import Store

_COLUMNS = ("project_id", "id", "applied", "canonical_id", "rank", "sequence", "kind", "made", "reason")
_MIDDLE = 1 << 63


def claim(sequence: int, device: str, user: str, project_id: int = ALPHA.project_id) -> dict[str, Any]:
    """A device that a user claims."""
    return claim_of_id(sequence, f"$device:{device}", user, project_id)


def claim_of_id(sequence: int, id_: str, user: str, project_id: int = ALPHA.project_id) -> dict[str, Any]:
    """Any id that a user claims."""
    return _row(project_id, id_, 0, user, _MIDDLE - sequence, sequence, LinkKind.DEVICE, "")


def change(
    sequence: int, id_: str, canonical: str, kind: LinkKind = LinkKind.IDENTIFY, project_id: int = ALPHA.project_id
) -> dict[str, Any]:
    """A change that the loader has decided."""
    return _row(project_id, id_, sequence, canonical, _MIDDLE + sequence, sequence, kind, "why")


def _row(*values: object) -> dict[str, Any]:
    return dict(zip(_COLUMNS, (*values[:7], "2026-02-28 12:00:00.000000", *values[7:]), strict=True))


def link(store: Store, *rows: dict[str, Any]) -> None:
    """Each row as an insert of its own, so that copies are not merged."""
    for row in rows:
        store.insert_rows("identity_links", _COLUMNS, json.dumps(row).encode(), "JSONEachRow")
