"""Deletes the rows of ids from the tables of the store (`store.mutations`), and counts them before and after."""

import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing

import msgspec

from trackway.domain.erased_id import WHOLE_PROJECT, erased_id_hash
from trackway.domain.named_ids import named_ids
from trackway.domain.native import string
from trackway.erasure import statements as sql
from trackway.erasure.limits import REJECTED_AT_ONCE_MAX, TAKEN_IDS_MAX
from trackway.erasure.statements import TARGETS, Target
from trackway.query.sql.person import ALL_IDS
from trackway.store.client import Store
from trackway.store.mutations import Mutations

_row = msgspec.json.Decoder(tuple[str, str, str, int, str]).decode


class Deletion:
    """What a store has of the ids that are being erased. Every method raises StorageError."""

    def __init__(self, store: Store, key: bytes, stop: threading.Event):
        self._store = store
        self._key = key
        self._mutations = Mutations(store, stop)

    def persons(self, project_id: int, ids: Sequence[str]) -> set[str]:
        """All ids of the persons to whom these ids belong now; more than TAKEN_IDS_MAX are too many."""
        asked = {"project": project_id, "ids": _json(ids), "most": TAKEN_IDS_MAX + 1}
        return {str(id) for (id,) in self._store.query(ALL_IDS, asked)}

    def known(self, project_id: int, task_id: int) -> set[str]:
        """The ids of a task that are being erased already."""
        text = f"{sql.ERASED_IDS} AND task = {{task:UInt64}}"
        return {str(id) for (id,) in self._store.query(text, {"project": project_id, "task": task_id})}

    def begin(self, project_id: int, task_id: int, ids: Iterable[str], until_us: int) -> list[tuple[int, bytes, int]]:
        """Note that these ids are being erased. Returns their erasures, as the loader knows them."""
        ordered = sorted(ids)
        place = project_id.to_bytes(4, "little") + task_id.to_bytes(8, "little")
        hashes = [erased_id_hash(self._key, project_id, id.encode()) for id in ordered]
        until = until_us.to_bytes(8, "little", signed=True)
        columns = ("project_id", "task")
        self._store.insert_rows("erasures", (*columns, "hash", "until"), (place + each + until for each in hashes))
        self._store.insert_rows("erasure_ids", (*columns, "id"), (place + string(id.encode()) for id in ordered))
        return [(project_id, hashed, until_us) for hashed in hashes]

    def hashes(self, project_id: int, ids: Iterable[str]) -> list[str]:
        """The keyed hashes of ids, in hexadecimal."""
        return [erased_id_hash(self._key, project_id, id.encode()).hex() for id in ids]

    def forget(self, task_id: int) -> None:
        """Drop the ids of a task. Their hashes stay."""
        self._store.command(f"ALTER TABLE {self._store.holding('erasure_ids')} DROP PARTITION ID '{int(task_id)}'")

    def begin_project(self, project_id: int, task_id: int, until_us: int) -> list[tuple[int, bytes, int]]:
        """Note that all of a project is being erased. Returns its erasure, as the loader knows it."""
        hashed = erased_id_hash(self._key, project_id, WHOLE_PROJECT)
        place = project_id.to_bytes(4, "little") + task_id.to_bytes(8, "little")
        row = place + hashed + until_us.to_bytes(8, "little", signed=True)
        self._store.insert_rows("erasures", ("project_id", "task", "hash", "until"), row)
        return [(project_id, hashed, until_us)]

    def counts(self, project_id: int, *, final: bool) -> dict[str, int]:
        """By table, how many rows there are. `final`: those that queries see, else all."""
        found = self.rows(project_id, TARGETS, final=final)
        return found | {sql.REJECTED: sum(map(len, self._rejected(project_id).values()))}

    def rows(self, project_id: int, targets: Sequence[Target], *, final: bool) -> dict[str, int]:
        """By table, how many rows these targets have."""
        asked = {"project": project_id}
        counted = {each.table: self._store.query(sql.count_of(each, final=final), asked) for each in targets}
        return {table: int(rows) for table, [(rows,)] in counted.items()}

    def names_linking_events(self, project_id: int) -> bool:
        """Whether events of others asked for a link with such an id."""
        return self._store.query(sql.LINKING_EVENTS, {"project": project_id}) != [(0,)]

    def rebuild_facts(self, project_id: int) -> None:
        """Let all facts of the project be built anew."""
        self._store.insert_rows("facts_rebuilds", ("project_id",), project_id.to_bytes(4, "little"))

    def delete(self, target: Target, project_id: int) -> None:
        """Delete a target's rows."""
        self._mutations.wait(target.table)
        for (partition,) in self._store.query(sql.partitions_of(target), {"project": project_id}):
            self._mutations.run(target.table, sql.delete_in(target, str(partition)), {"project": project_id})

    def delete_rejected(self, project_id: int) -> None:
        """Delete the rejected records that name such an id."""
        self._mutations.wait(sql.REJECTED)
        for partition, keys in self._rejected(project_id).items():
            assert partition.isalnum(), "a partition's name is the number of a day"
            for some in _in_statements(keys):
                self._mutations.run(
                    sql.REJECTED, sql.DELETE_REJECTED % partition, {"project": project_id, "keys": some}
                )

    def _rejected(self, project_id: int) -> dict[str, set[tuple[int, int, int]]]:
        """By partition, the keys of the rejected records that name such an id."""
        asked = {"project": project_id}
        ids = {str(id) for (id,) in self._store.query(sql.ERASED_IDS, asked)}
        found: defaultdict[str, set[tuple[int, int, int]]] = defaultdict(set)
        with closing(self._store.stream(sql.REJECTED_RECORDS, asked, "JSONCompactEachRow")) as pieces:
            for line in _lines(pieces):
                partition, received_us, position, index, original = _row(line)
                if not ids.isdisjoint(named_ids(bytes.fromhex(original))):
                    found[partition].add((int(received_us), int(position), index))
        return found


def _in_statements(keys: Iterable[tuple[int, int, int]]) -> Iterator[list[tuple[int, int, int]]]:
    ordered = sorted(keys)
    for at in range(0, len(ordered), REJECTED_AT_ONCE_MAX):
        yield ordered[at : at + REJECTED_AT_ONCE_MAX]


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of a text that comes in pieces."""
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines
    if rest:
        yield rest


def _json(ids: Iterable[str]) -> str:
    return msgspec.json.encode(list(ids)).decode()
