"""What must hold after a crash test, between what clients know, the journal, the store and the export.

The journal is the hinge. Against the clients it can only be bounded, since nobody knows how a broken attempt ended:
every request is in it at least as often as it was acknowledged, at most as often as it may have arrived, and whole.
From the journal on everything is exact: each count, each row.
"""

from collections import Counter
from itertools import pairwise
from typing import Any

from tests.support.crash.durable import Content, Stored, by_outcome, sequences, updates_stored
from tests.support.crash.ledger import Kind, Ledger, Record, Signature
from tests.support.crash.logins import FIRST_SEQUENCE
from tests.support.crash.traffic import DELETED_PROFILES, SEEN
from trackway.domain.endpoint import Endpoint


def check_journal(ledger: Ledger, content: Content, partitions: int = 1) -> None:
    """Whole requests only, none lost, none that was not sent, none more often than it was tried. Of a request for
    projects of several partitions each has its own."""
    least, most = _split(ledger.acknowledged(), partitions), _split(ledger.possible(), partitions)
    requests = _requests(content, most)
    lost: Counter[Signature] = least - requests
    assert not lost, f"{lost.total()} acknowledged requests are not in the journal: {_first(lost)}"
    strange = requests - most
    assert not strange, f"{strange.total()} records of the journal were not sent, or not whole: {_first(strange)}"


def _split(requests: Counter[Signature], partitions: int) -> Counter[Signature]:
    split: Counter[Signature] = Counter()
    for (endpoint, shares), times in requests.items():
        for partition in {share.project_id % partitions for share in shares}:
            own = frozenset(share for share in shares if share.project_id % partitions == partition)
            split[endpoint, own] += times
        if not shares:
            split[endpoint, shares] += times
    return split


def _requests(content: Content, possible: Counter[Signature]) -> Counter[Signature]:
    """The requests in the journal. A record that nobody sent as one request is that of several, of one event each."""
    requests: Counter[Signature] = Counter()
    for (endpoint, shares), times in content.requests.items():
        if (endpoint, shares) in possible or any(share.ignored or share.rejected for share in shares):
            requests[endpoint, shares] += times
            continue
        for share in shares:
            for sequence in share.accepted:
                requests[endpoint, frozenset({share._replace(accepted=(sequence,))})] += times
    return requests


def _first(requests: Counter[Signature]) -> str:
    return str(next(iter(requests)))[:2000]


def check_store(content: Content, stored: Stored) -> None:
    """The store holds exactly what the journal says, and each load stands there once."""
    assert stored.counts == content.counts, _difference(stored.counts, content.counts)
    assert stored.rejected == content.rejected, _difference(stored.rejected, content.rejected)
    assert stored.keys == stored.rows == len(content.stored)
    expected = {key: profile for key, profile in content.profiles.items() if profile is not None}
    wrong = [key for key in expected.keys() | stored.profiles.keys() if stored.profiles.get(key) != expected.get(key)]
    assert not wrong, f"{wrong}: {stored.profiles.get(wrong[0])} instead of {expected.get(wrong[0])}"[:4000]
    assert stored.canonical_ids == content.canonical_ids()
    assert stored.refused == content.refused(), _difference(stored.refused, content.refused())
    for loads in stored.loads:
        for (begin, end), (following, _) in pairwise(loads):
            assert end <= following, f"records from {following} to {end} were loaded twice, from {begin} on"


def _difference(found: Counter[Any], expected: Counter[Any]) -> str:
    return f"too many: {dict(found - expected)}, too few: {dict(expected - found)}"[:4000]


def check_export(content: Content, lines: list[dict[str, Any]], ledger: Ledger) -> None:
    """Exactly the stored events, each as it first arrived, with what the client said, and each its person's."""
    expected = {row.sequence: row for row in content.stored.values()}
    canonical_ids = content.canonical_ids()
    assert sequences(lines) == Counter(list(expected))
    said = {number: record.said["properties"] for number, record in ledger.events(acknowledged=False).items()}
    for line in lines:
        properties = line["properties"]
        row, sent = expected[properties["sequence"]], said[properties["sequence"]]
        own_id = properties.get("$distinct_id_before_identity", properties["distinct_id"])
        found = (line["event"], own_id, properties["$insert_id"], properties["time"])
        assert found == (row.event, row.distinct_id, row.insert_id, row.time_ms // 1000)
        assert properties["$mp_api_timestamp_ms"] == row.received_us // 1000
        assert properties.get("$import", False) is (row.endpoint == Endpoint.IMPORT)
        person = canonical_ids.get((row.project_id, row.distinct_id), row.distinct_id)
        assert properties["distinct_id"] == sent.get("$user_id", person)
        assert row.distinct_id == sent["distinct_id"] and properties["time"] == sent.get("time", properties["time"])
        own = sent.keys() - {"token", "time", "distinct_id"}
        assert all(properties[name] == sent[name] for name in own)


def check_clients(ledger: Ledger, lines: list[dict[str, Any]]) -> None:
    """What a client can see by itself: its acknowledged events once, its lost ones at most once, nothing else."""
    found = sequences(lines)
    doubled = [number for number, copies in found.items() if copies != 1]
    assert not doubled, f"{len(doubled)} events are exported more than once: {doubled[:10]}"
    lost = ledger.events(acknowledged=True).keys() - found.keys()
    assert not lost, f"{len(lost)} acknowledged events are not exported: {sorted(lost)[:10]}"
    strange = found.keys() - ledger.events(acknowledged=False).keys()
    assert not strange, f"{len(strange)} events are exported that were not sent: {sorted(strange)[:10]}"


def check_profiles(ledger: Ledger, stored: Stored) -> None:
    """What a client can see of profiles that nobody deletes: each acknowledged update once, and none never sent.

    Whose profile it is, the journal tells.
    """
    seen = {key: Counter(profile[SEEN]) for key, profile in stored.profiles.items()}
    anywhere = sum(seen.values(), Counter[int]())
    for record, least, most in ledger.updates():
        if "$append" not in record.said or _may_be_deleted(record):
            continue
        times = anywhere[record.sequence]
        assert least <= times <= most, f"{record} was applied {times} times, not {least} to {most}"
    for key, numbers in seen.items():
        assert stored.profiles[key]["count"] == numbers.total(), (key, stored.profiles[key])
        assert stored.profiles[key]["last"] == stored.profiles[key][SEEN][-1]
        assert stored.profiles[key]["first"] == stored.profiles[key][SEEN][0]


def _may_be_deleted(record: Record) -> bool:
    """Whether it is of the first profiles, as `Traffic` counts them."""
    if record.sequence >= FIRST_SEQUENCE:
        return False
    name = record.said.get("$group_id") or record.said["$distinct_id"]
    return int(name.rpartition("-")[2]) < DELETED_PROFILES


def check_links(ledger: Ledger, stored: Stored) -> None:
    """What a client can see of links: each acknowledged one is there, or refused by name."""
    refused = {(each.project_id, each.insert_id) for each in stored.refused}
    for record in ledger.events(acknowledged=True).values():
        said, project_id = record.said["properties"], record.project_id
        if "$user_id" in said:
            claim = (project_id, f"$device:{said['$device_id']}", said["$user_id"])
            assert claim in stored.claims, claim
        elif id := said.get("$anon_id") or said.get("alias"):
            one, other = (stored.canonical_ids.get((project_id, each), each) for each in (id, said["distinct_id"]))
            assert one == other or (project_id, said["$insert_id"]) in refused, record


def check_copies(ledger: Ledger, lines: list[dict[str, Any]]) -> None:
    """With copies that are not merged away yet, the same events as without, each at least once."""
    assert sequences(lines).keys() >= ledger.events(acknowledged=True).keys()
    assert sequences(lines).keys() <= ledger.events(acknowledged=False).keys()


def check_counts(ledger: Ledger, stored: Stored, exported: int) -> None:
    """The counts add up between what was acknowledged and what was sent; exactly, when no attempt was broken."""
    counts = by_outcome(stored.counts)
    assert counts["stored"] == exported + updates_stored(stored.counts)
    for outcomes, kinds in (
        (("stored", "duplicate"), (Kind.EVENT, Kind.REPEAT, Kind.UPDATE)),
        (("ignored",), (Kind.IGNORED,)),
        (("rejected",), (Kind.INVALID, Kind.COUNTED)),
        (("stored", "duplicate", "ignored", "rejected"), tuple(Kind)),
    ):
        least = sum(ledger.copies(kind, acknowledged=True) for kind in kinds if kind is not Kind.COUNTED)
        most = sum(ledger.copies(kind, acknowledged=False) for kind in kinds)
        assert least <= sum(counts.get(outcome, 0) for outcome in outcomes) <= most, (outcomes, least, most, counts)
    assert len(ledger.events(acknowledged=True)) <= exported <= len(ledger.events(acknowledged=False))


def check_rejected(ledger: Ledger, stored: Stored) -> None:
    """Every acknowledged rejected record is kept with its bytes, once for each time it was received."""
    kept: Counter[bytes] = Counter(each.original for each in stored.rejected.elements())
    bounds = ledger.rejected()
    assert kept.keys() <= bounds.keys(), f"never sent: {list(kept.keys() - bounds.keys())[:3]}"
    for original, (least, most) in bounds.items():
        assert least <= kept[original] <= most, (original, least, kept[original], most)
