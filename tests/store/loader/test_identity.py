"""Identity with a real store: however the journal is cut and whoever dies when, ids belong to whom the model says."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import count, permutations
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.examples import examples
from tests.support.loader.identity_model import People
from tests.support.loader.story import Killed, unguarded
from tests.support.store.process import RunningStore
from trackway.domain import id_clusters
from trackway.domain.entry import VERSION, Entry, Update
from trackway.domain.limits import CLUSTER_IDS_MAX
from trackway.domain.link import Link, LinkKind
from trackway.loader import canonical_ids as canonical
from trackway.loader import link_loading as links
from trackway.loader.link_loading import Links
from trackway.loader.link_rows import links_of
from trackway.loader.placed import Placed
from trackway.loader.profile_loading import insert_profiles
from trackway.store.client import Store

IDS_MAX = 4
UUIDS = [f"{number}6f0a1c2-5d3e-4b7a-8c9d-0e1f2a3b4c5d" for number in range(4)]
IDS = [*UUIDS[:3], f"$device:{UUIDS[3]}", "u1", "u2", "'u3\\", "$device:d\n1", "ü\x00"]
NOW_US = 1_760_000_000_000_000
FIRST, STEP = 1 << 33, 1000
_projects = count(100)


class Request(NamedTuple):
    """The links that a journal record asks for, and the ids whose profiles it updates (id, whether as given)."""

    links: list[Link]
    updates: list[tuple[str, bool]]


class Crashing(Store):
    """A store whose client dies at one insert: before it, after it, or with the insert still on its way."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.on_their_way: list[tuple[str, tuple[str, ...], bytes]] = []
        self._left: int | None = None
        self._how = ""

    def crash(self, at: int, how: str) -> None:
        """Die at the insert of this number from now on, if there are so many."""
        self._left, self._how = (None if how == "never" else at), how

    def insert_rows(
        self,
        table: str,
        columns: Sequence[str],
        rows: bytes | Iterable[bytes],
        format: str = "RowBinary",
        settings: Mapping[str, str] | None = None,
    ) -> int:
        text = rows if isinstance(rows, bytes) else b"".join(rows)
        dies = self._left == 0
        self._left = None if self._left is None or dies else self._left - 1
        if dies and self._how == "late":
            self.on_their_way.append((table, tuple(columns), text))
        elif not dies or self._how == "after":
            super().insert_rows(table, columns, text, format, settings)
        if dies:
            raise Killed
        return 0

    def deliver(self) -> None:
        """What dead clients had sent arrives."""
        self._left = None
        for each in self.on_their_way:
            super().insert_rows(*each)
        self.on_their_way.clear()


class Journal:
    """Records of one new project, loaded from its own cursor on."""

    def __init__(self, requests: Sequence[Request], ids_max: int = CLUSTER_IDS_MAX):
        self._ids_max = ids_max
        self.project_id = next(_projects)
        self.cursor = 0
        self.links = Links()
        numbers = count()
        self.placed = [
            Placed(FIRST + STEP * place, self._entry(request, numbers), STEP) for place, request in enumerate(requests)
        ]

    def _entry(self, request: Request, numbers: Iterator[int]) -> Entry:
        updates = [
            Update("", id, json.dumps({"$append": {"seen": next(numbers)}}).encode(), as_given)
            for id, as_given in request.updates
        ]
        return Entry(VERSION, self.project_id, NOW_US, 1, updates=updates, links=request.links)

    def load(self, store: Store, records: int) -> None:
        """Load the next records. After a death nothing is remembered but what the store holds."""
        batch = self.placed[self.cursor : self.cursor + records]
        if not batch:
            return
        try:
            self.links.insert(store, batch, unguarded)
            insert_profiles(store, batch, unguarded)
        except Killed:
            self.links = Links()
            return
        self.cursor += len(batch)

    def load_again(self, store: Store) -> None:
        """By a new process that begins anew, in batches of two records."""
        self.cursor, self.links = 0, Links()
        while self.cursor < len(self.placed):
            self.load(store, 2)

    def load_all(self, store: Store) -> None:
        while self.cursor < len(self.placed):
            self.load(store, len(self.placed))

    def model(self) -> tuple[People, dict[str, list[int]]]:
        """Who is who at the end, and the updates of each profile."""
        people, seen = People(self._ids_max), dict[str, list[int]]()
        for _, entry, _ in self.placed:
            for update in entry.updates:
                profile = update.profile_id if update.as_given else people.canonical(update.profile_id)
                seen.setdefault(profile, []).append(json.loads(update.operations)["$append"]["seen"])
            people.take_all(entry)
        return people, seen

    def check(self, store: Store) -> None:
        people, seen = self.model()
        assert canonical_ids(store, self.project_id) == {id: people.canonical(id) for id in IDS}
        assert refused(store, self.project_id) == sorted((each.insert_id, each.id, each.to) for each in people.refused)
        found = store.query(
            "SELECT profile_id, properties FROM profiles FINAL WHERE project_id = {project:UInt32}",
            {"project": self.project_id},
        )
        assert {id: json.loads(text)["seen"] for id, text in found} == seen


def canonical_ids(store: Store, project_id: int) -> dict[str, str]:
    """As every query resolves them."""
    sql = (
        "SELECT id, argMax(canonical_id, rank) FROM identity_links WHERE project_id = {project:UInt32} GROUP BY id"
        " HAVING argMax(canonical_id, rank) != ''"
    )
    return {id: id for id in IDS} | dict(store.query(sql, {"project": project_id}))


def refused(store: Store, project_id: int) -> list[tuple[Any, ...]]:
    sql = "SELECT insert_id, id, other FROM identity_refusals FINAL WHERE project_id = {project:UInt32}"
    return sorted(store.query(sql, {"project": project_id}))


@pytest.fixture(scope="module")
def store(running: RunningStore) -> Iterator[Crashing]:
    with closing(Crashing(running.url)) as store:
        yield store


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds that every story reaches."""
    monkeypatch.setattr(id_clusters, "CLUSTER_IDS_MAX", IDS_MAX)
    monkeypatch.setattr(links, "LINKS_DECIDED_AT_ONCE_MAX", 3)
    monkeypatch.setattr(links, "LINK_ROWS_BYTES_MAX", 150)
    monkeypatch.setattr(links, "CLAIMS_REMEMBERED_BYTES_MAX", 400)
    monkeypatch.setattr(canonical, "PROFILES_ASKED_AT_ONCE_BYTES_MAX", 40)
    monkeypatch.setattr(canonical, "LINKED_IDS_MIN", 3)


def link(kind: LinkKind, id: str, to: str, number: int) -> Link:
    """DEVICE has no event that is found again, UNLINK nobody to belong to."""
    if kind is LinkKind.UNLINK:
        return Link(kind, id, "", "", "by mistake")
    return Link(kind, id, to, "" if kind is LinkKind.DEVICE else f"insert-id-{number}")


KINDS = st.sampled_from([*LinkKind, LinkKind.MERGE, LinkKind.IDENTIFY])
LINKS = st.builds(link, KINDS, st.sampled_from(IDS), st.sampled_from(IDS), st.integers(0, 10**9))
UPDATES = st.lists(st.tuples(st.sampled_from(IDS), st.booleans()), max_size=3)
REQUESTS = st.lists(st.builds(Request, st.lists(LINKS, max_size=4), UPDATES), min_size=1, max_size=10)
CUTS = st.lists(
    st.tuples(st.integers(1, 5), st.integers(0, 3), st.sampled_from(["never", "before", "after", "late"])), max_size=8
)
ON_THE_STORE = settings(
    max_examples=examples(40),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@ON_THE_STORE
@given(requests=REQUESTS, cuts=CUTS)
def test_any_cutting_with_crashes_and_late_inserts_resolves_as_the_model_does(
    store: Crashing, small: None, requests: list[Request], cuts: list[tuple[int, int, str]]
) -> None:
    journal = Journal(requests, IDS_MAX)
    for records, at, how in cuts:
        store.crash(at, how)
        journal.load(store, records)
    store.crash(0, "never")
    journal.load_all(store)
    store.deliver()
    journal.check(store)
    journal.load_again(store)
    journal.check(store)


CLAIMS = st.lists(
    st.tuples(st.sampled_from(["$device:d\n1", "ü\x00", UUIDS[0]]), st.sampled_from(["u1", "u2", "'u3\\"])),
    min_size=1,
    max_size=12,
)


@ON_THE_STORE
@given(claims=CLAIMS, data=st.data())
def test_the_first_claim_counts_in_whichever_order_and_by_whomever_claims_are_inserted(
    store: Crashing, claims: list[tuple[str, str]], data: st.DataObject
) -> None:
    journal = Journal([Request([link(LinkKind.DEVICE, id, to, 0)], []) for id, to in claims])
    for place in data.draw(st.permutations(range(len(claims)))):
        Links().insert(store, [journal.placed[place]], unguarded)
    assert canonical_ids(store, journal.project_id) == {id: journal.model()[0].canonical(id) for id in IDS}


def story(*requests: Request | Link) -> Journal:
    return Journal([each if isinstance(each, Request) else Request([each], []) for each in requests])


def claim(id: str, to: str) -> Link:
    return Link(LinkKind.DEVICE, id, to)


def loaded(store: Crashing, *requests: Request | Link) -> dict[str, str]:
    """What ids resolve to after a story, of those that are not their own."""
    journal = story(*requests)
    journal.load_all(store)
    journal.check(store)
    return {id: head for id, head in canonical_ids(store, journal.project_id).items() if id != head}


def test_a_device_keeps_its_first_user(store: Crashing) -> None:
    assert loaded(store, claim(IDS[7], "u1"), claim(IDS[7], "u2"), claim(IDS[7], "u1")) == {IDS[7]: "u1"}


def test_an_unlinked_device_stays_alone_whatever_its_sdk_says_later(store: Crashing) -> None:
    device = IDS[7]
    unlink = Link(LinkKind.UNLINK, device, "", reason="shared by a family")
    assert loaded(store, claim(device, "u1"), unlink, claim(device, "u1"), claim(device, "u2")) == {}
    ((reason, kind),) = store.query(
        f"SELECT reason, kind FROM identity_links WHERE applied > 0 AND project_id = {next(_projects) - 1}"
    )
    assert (reason, kind) == ("shared by a family", LinkKind.UNLINK)


def test_a_chain_of_links_is_one_person(store: Crashing) -> None:
    first, second, *_ = UUIDS
    identify = [Link(LinkKind.IDENTIFY, first, "u1", "1"), Link(LinkKind.IDENTIFY, second, "u1", "2")]
    assert loaded(store, *identify) == {first: "u1", second: "u1"}
    merge = Link(LinkKind.MERGE, "u1", "u2", "3")
    assert loaded(store, *identify, merge) == {first: "u2", second: "u2", "u1": "u2"}
    alias = Link(LinkKind.ALIAS, "ü\x00", "u1", "4")
    assert loaded(store, *identify, merge, alias) == {first: "u2", second: "u2", "u1": "u2", "ü\x00": "u2"}


@pytest.mark.parametrize("kind", [LinkKind.ALIAS, LinkKind.MERGE])
def test_a_chain_is_the_same_person_in_whichever_order_it_is_made(store: Crashing, kind: LinkKind) -> None:
    pairs = [("'u3\\", "u1"), ("u1", "u2"), ("u2", "ü\x00")]
    chain = [Link(kind, id, to, str(number)) for number, (id, to) in enumerate(pairs)]
    for order in permutations(chain):
        assert loaded(store, *order) == dict.fromkeys(["'u3\\", "u1", "u2"], "ü\x00")


def test_an_alias_of_one_user_is_no_alias_of_another(store: Crashing) -> None:
    taken = [Link(LinkKind.ALIAS, "u1", to, to) for to in ("u2", "ü\x00")]
    assert loaded(store, *taken) == {"u1": "u2"}


def test_unlinking_the_canonical_id_leaves_the_others_together(store: Crashing) -> None:
    first, second, *_ = UUIDS
    links = [Link(LinkKind.IDENTIFY, each, "u1", each[:1]) for each in (first, second)]
    merge = Link(LinkKind.MERGE, "u1", "u2", "3")
    assert loaded(store, *links, merge, Link(LinkKind.UNLINK, "u2", "")) == {first: "u1", second: "u1"}
    assert loaded(store, *links, Link(LinkKind.UNLINK, "u1", "")) == {second: first}


def test_a_refusal_is_kept_with_its_reason_and_the_event_that_asked(store: Crashing) -> None:
    device, other, *_ = UUIDS
    version_1 = device.replace("-4b7a-", "-1b7a-")
    journal = story(
        Link(LinkKind.IDENTIFY, "no uuid", "u1", "a"),
        Link(LinkKind.IDENTIFY, device, "u1", "b"),
        Link(LinkKind.IDENTIFY, device, "u1", "same again"),
        Link(LinkKind.IDENTIFY, device, "u2", "c"),
        Link(LinkKind.ALIAS, device, "u2", "d"),
        Link(LinkKind.IDENTIFY, version_1, "u1", "e"),
        Link(LinkKind.IDENTIFY, other.upper(), "u1", "f"),
    )
    journal.load_all(store)
    sql = (
        "SELECT insert_id, kind, id, other, reason, toUnixTimestamp64Micro(made), sequence FROM identity_refusals FINAL"
        " WHERE project_id = {project:UInt32} ORDER BY insert_id"
    )
    assert store.query(sql, {"project": journal.project_id}) == [
        ("a", LinkKind.IDENTIFY, "no uuid", "u1", id_clusters.NOT_A_UUID, NOW_US, FIRST),
        ("c", LinkKind.IDENTIFY, device, "u2", id_clusters.ALREADY_MERGED, NOW_US, FIRST + 3 * STEP),
        ("d", LinkKind.ALIAS, device, "u2", id_clusters.ALIAS_TAKEN, NOW_US, FIRST + 4 * STEP),
        ("e", LinkKind.IDENTIFY, version_1, "u1", id_clusters.NOT_A_UUID, NOW_US, FIRST + 5 * STEP),
    ]


def test_a_person_has_at_most_500_ids(store: Crashing) -> None:
    ids = [f"id-{number}" for number in range(500)]
    aliases = [Link(LinkKind.ALIAS, id, "u1", id) for id in ids]
    journal = Journal([Request(aliases, [])])
    journal.load_all(store)
    assert refused(store, journal.project_id) == [("id-499", "id-499", "u1")]
    merge = msgspec.structs.replace(journal.placed[0].entry, links=[Link(LinkKind.MERGE, "u2", "id-7", "m")])
    Links().insert(store, [Placed(FIRST + 10**6, merge, STEP)], unguarded)
    assert ("m", "u2", "id-7") in refused(store, journal.project_id)


def test_a_link_is_decided_by_what_came_before_it_also_when_it_is_loaded_again(store: Crashing) -> None:
    """With what came after it, the first alias would be refused, since "ü" belongs to another user by then."""
    journal = story(
        Link(LinkKind.ALIAS, "ü\x00", "u1", "1"),
        Request([], [("ü\x00", False)]),
        Link(LinkKind.UNLINK, "ü\x00", ""),
        Link(LinkKind.ALIAS, "ü\x00", "u2", "2"),
        Request([], [("ü\x00", False)]),
    )
    journal.load_all(store)
    journal.check(store)
    journal.load_again(store)
    journal.check(store)
    assert refused(store, journal.project_id) == []


def test_links_of_a_record_are_numbered_over_its_entries() -> None:
    entry = Journal([Request([claim("a", "b"), claim("c", "d")], [])]).placed[0].entry
    placed = [Placed(5, entry, 4), Placed(5, entry, 4), Placed(90, entry, 4)]
    assert [asked.sequence for asked in links_of(placed)] == [5, 6, 7, 8, 90, 91]
    with pytest.raises(AssertionError, match="no sub-position"):
        list(links_of([Placed(5, entry, 3), Placed(5, entry, 3)]))


def test_updates_reach_the_person_of_their_time(store: Crashing) -> None:
    update = Request([], [(IDS[7], False), (IDS[7], True)])
    journal = story(update, claim(IDS[7], "u1"), update, Link(LinkKind.UNLINK, IDS[7], ""), update)
    journal.load_all(store)
    journal.check(store)
    assert journal.model()[1] == {IDS[7]: [0, 1, 3, 4, 5], "u1": [2]}


def test_a_claim_that_is_in_the_store_is_not_inserted_again(store: Crashing) -> None:
    again = story(claim("u1", "u2"), claim("u1", "u2"), claim("u1", UUIDS[0]), claim("u1", "u2"))
    again.load(store, 1)
    store.crash(0, "before")
    again.load(store, 1)  # makes no insert, so nobody dies
    assert again.cursor == 2
    again.load(store, 2)
    assert again.cursor == 2
    store.crash(0, "never")
    again.load_all(store)
    again.check(store)


def test_projects_do_not_know_of_each_other(store: Crashing) -> None:
    one, other = story(Link(LinkKind.ALIAS, "u2", "u1", "1")), story(Link(LinkKind.ALIAS, "u1", "u2", "1"))
    Links().insert(store, [one.placed[0], Placed(FIRST + 1, other.placed[0].entry, STEP)], unguarded)
    assert canonical_ids(store, one.project_id)["u2"] == "u1"
    assert canonical_ids(store, other.project_id)["u1"] == "u2"


def test_of_many_ids_only_those_of_projects_with_links_are_asked_for(
    store: Crashing, monkeypatch: pytest.MonkeyPatch
) -> None:
    update = Request([], [(IDS[7], False)])
    linked, alone = story(claim(IDS[7], "u1"), update), story(update, update)
    linked.load_all(store)
    asked: list[Any] = []
    query = store.query

    def noting(sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        asked.append((parameters or {}).get("keys"))
        return query(sql, parameters)

    monkeypatch.setattr(store, "query", noting)
    monkeypatch.setattr(canonical, "LINKED_IDS_MIN", 2)
    found = canonical.read_canonical_ids(store, [linked.placed[1], alone.placed[1]])
    assert found.at(linked.project_id, IDS[7], linked.placed[1].position) == "u1"
    assert found.at(alone.project_id, IDS[7], alone.placed[1].position) == IDS[7]
    assert [keys and json.loads(keys) for keys in asked] == [None, [[linked.project_id, IDS[7]]]]
    asked.clear()
    monkeypatch.setattr(canonical, "LINKED_IDS_MIN", 1)
    canonical.read_canonical_ids(store, [alone.placed[1]])
    assert asked == [None]
