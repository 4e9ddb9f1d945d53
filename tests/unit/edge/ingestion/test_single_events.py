"""Requests taken together get the replies, and leave the records, that each would have had alone."""

import asyncio
import base64
import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.edge.credentials import access_to
from tests.support.examples import examples
from tests.support.geo.city_databases import BERLIN, GEOLITE2, PARIS, TOKYO, write_database
from tests.support.ingest.stored_events import entry_events
from tests.support.memory_directory import memory_directory
from tests.support.projects.migrated import migrated_file
from trackway.domain.endpoint import Endpoint
from trackway.domain.entry import decode_entries
from trackway.domain.errors import StorageError
from trackway.edge.ingestion import single_events
from trackway.edge.ingestion.records_endpoint import RecordsEndpoint
from trackway.edge.ingestion.single_events import SinglesEndpoint
from trackway.edge.quotas.in_flight import InFlight
from trackway.edge.quotas.rate_limits import RateLimits
from trackway.geo.locator import Locator
from trackway.ingest.limits import LEARNED_FROM_EVENTS
from trackway.ingest.raw_fields import decode_event
from trackway.journal.group_commit import GroupCommit
from trackway.journal.segments.reader import Reader
from trackway.journal.segments.recovery import recover
from trackway.journal.segments.writer import Writer
from trackway.projects.project_lookup import ProjectDirectory
from trackway.settings.table import Settings

JSON = (b"content-type", b"application/json")
FORM = (b"content-type", b"application/x-www-form-urlencoded")
Request = tuple[bytes, list[tuple[bytes, bytes]], bytes]
Answer = tuple[int, dict[bytes, bytes], bytes]


class Edge:
    """`/track` over a real journal and real projects."""

    def __init__(self, directory: Path):
        database = migrated_file(directory / "projects.db")
        self.tokens = [database.create(name, "us").token for name in ("one", "two")]
        self.directory = directory
        self.in_flight = InFlight(1 << 20, 1 << 20)
        self.settings = Settings(
            workers=1,
            rate_limits=False,
            redirect_hosts=("example.com",),
            trusted_proxies=("203.0.113.9",),
            geoip_database=write_database(directory / "city.mmdb", GEOLITE2),
            data_dir=directory,
            body_bytes_max=8_000,
        )

    def play(self, name: str, requests: list[Request], *, together: bool, closed: bool = False) -> list[Answer]:
        """The answers, in the order of the requests; `closed`: by a journal that takes nothing any more."""
        recover(self.directory / name, segment_bytes=1 << 20)
        answers: dict[int, Answer] = {}

        async def run() -> None:
            answered = asyncio.Event()

            async def until_answered(requests: int) -> None:
                while len(answers) < requests:
                    answered.clear()
                    await answered.wait()

            writer = Writer(self.directory / name, segment_bytes=1 << 20, background=lambda work: work())
            commit = GroupCommit(writer)
            if closed:
                await commit.close()
            directory = ProjectDirectory(self.directory / "projects.db")
            directory.refresh()
            rates = RateLimits(self.directory / "rates", 0, self.settings)
            locator = Locator(self.settings)
            track = RecordsEndpoint(
                Endpoint.TRACK, self.settings, directory, access_to(directory), commit, rates, self.in_flight, locator
            )
            short_way = SinglesEndpoint(self.settings, commit, self.in_flight, track)
            for token in self.tokens:
                text = json.dumps(event(token, 0)).encode()
                for _ in range(LEARNED_FROM_EVENTS):
                    track.learned.learn(text, track.learned.names(decode_event(text)))
            for number, (query, headers, body) in enumerate(requests):

                def respond(status: int, lines: bytes, text: bytes, number: int = number) -> None:
                    assert number not in answers
                    answers[number] = (status, _fields(lines), text)
                    answered.set()

                scope = {"method": "POST", "path": "/track", "query_string": query, "headers": headers}
                short_way.direct({**scope, "client": ("203.0.113.9", 5)}, body, respond)
                if not together:
                    await until_answered(number + 1)
            await until_answered(len(requests))
            if not closed:
                await commit.close()

        asyncio.run(run())
        assert self.in_flight.bytes == 0
        return [answers[number] for number in range(len(requests))]

    def kept(self, name: str) -> tuple[Counter[Any], int]:
        """What the journal holds, without the time of arrival, and in how many records."""
        reader = Reader(self.directory / name)
        found: Counter[Any] = Counter()
        records = reader.read(1 << 24)
        for record in records:
            for entry in decode_entries(record.payload):
                for event in entry_events(entry):
                    kept = {**vars(event), "received_us": None, "properties": None}
                    found["event", *kept.values()] += 1
                found["ignored", entry.project_id] += entry.ignored
                for each in entry.rejections:
                    found["rejected", entry.project_id, each.index, each.reason, each.field, each.original] += 1
        reader.close()
        return +found, len(records)


def _fields(lines: bytes) -> dict[bytes, bytes]:
    named = (line.partition(b": ") for line in lines.splitlines())
    return {name: value for name, _, value in named}


@pytest.fixture(scope="module")
def edge() -> Iterator[Edge]:
    with memory_directory() as directory:
        yield Edge(Path(directory))


def event(token: str, number: int, **more: Any) -> dict[str, Any]:
    properties = {"token": token, "time": 1, "distinct_id": "d", "$insert_id": f"insert-id-{number}", "n": number}
    return {"event": "e", "properties": properties | more}


def encoded(kind: str, token: str, number: int, now_s: int) -> Request:
    """One request of a kind."""
    good = event(token, number, time=now_s)
    text = json.dumps(good).encode()
    return {
        "json": (b"", [JSON], text),
        "verbose": (b"verbose=1", [JSON], b"  " + text + b"\n"),
        "callback": (b"callback=f", [JSON], text),
        "form": (b"", [FORM], b"ip=1&verbose=1&data=" + quote_plus(text).encode()),
        "base64": (b"img=1", [FORM], b"data=" + base64.b64encode(text)),
        "origin": (b"", [JSON, (b"origin", b"https://a.example")], text),
        "paris": (b"", [JSON, (b"x-forwarded-for", PARIS.encode())], text),
        "tokyo": (b"verbose=1", [JSON, (b"x-forwarded-for", TOKYO.encode())], text),
        "paris, not to be told": (b"ip=0", [JSON, (b"x-forwarded-for", PARIS.encode())], text),
        "paris, in berlin": (
            b"ip=1",
            [JSON, (b"x-forwarded-for", PARIS.encode())],
            json.dumps(event(token, number, time=now_s, ip=BERLIN)).encode(),
        ),
        "redirect": (b"redirect=http://example.com/", [JSON], text),
        "batch": (b"", [JSON], json.dumps([good, event(token, number)]).encode()),
        "old": (b"verbose=1", [JSON], json.dumps(event(token, number)).encode()),
        "unknown token": (b"verbose=1", [JSON], json.dumps(event("nobody", number, time=now_s)).encode()),
        "ignored": (b"", [JSON], json.dumps(event(token, number, time=now_s, **{"$ignore": True})).encode()),
        "no json": (b"verbose=1", [JSON], b"{"),
        "no data": (b"", [FORM], b"verbose=1"),
        "long query": (b"a" * 70_000, [JSON], text),
        "just parsed": (
            b"verbose=1",
            [JSON],
            text.replace(b'"n": ', b'"deep": ' + b"[" * 1020 + b"]" * 1020 + b', "n": '),
        ),
        "too large": (b"verbose=1", [JSON], text + b" " * 8_000),
        "nested": (b"", [JSON], json.dumps(event(token, number, time=now_s, deep=[[[[1]]]])).encode()),
    }[kind]


JOINT = (
    "json",
    "verbose",
    "callback",
    "form",
    "base64",
    "origin",
    "paris",
    "tokyo",
    "paris, not to be told",
    "paris, in berlin",
)
ALONE = (
    "redirect",
    "batch",
    "old",
    "unknown token",
    "ignored",
    "no json",
    "no data",
    "long query",
    "nested",
    "just parsed",
)


@settings(max_examples=examples(40))
@given(st.lists(st.tuples(st.sampled_from(JOINT + ALONE), st.integers(0, 1)), min_size=1, max_size=20), st.data())
def test_requests_taken_together_end_as_they_would_alone(
    edge: Edge, kinds: list[tuple[str, int]], data: st.DataObject
) -> None:
    now_s = int(time.time()) - 5
    requests = [encoded(kind, edge.tokens[which], number, now_s) for number, (kind, which) in enumerate(kinds)]
    name = f"{data.draw(st.uuids(version=4)).hex}-{time.time_ns()}"
    together = edge.play(f"{name}-together", requests, together=True)
    alone = edge.play(f"{name}-alone", requests, together=False)
    assert together == alone
    assert edge.kept(f"{name}-together")[0] == edge.kept(f"{name}-alone")[0]


def test_single_events_of_many_requests_are_one_journal_record(edge: Edge) -> None:
    now_s = int(time.time()) - 5
    kinds = [*JOINT, "old", *JOINT]
    requests = [encoded(kind, edge.tokens[number % 2], number, now_s) for number, kind in enumerate(kinds)]
    edge.play("joint", requests, together=True)
    kept, records = edge.kept("joint")
    assert records == 2
    assert sum(kept.values()) == len(kinds)
    rows = b"".join(each for key in kept if key[0] == "event" for each in key if isinstance(each, bytes))
    # The two cities are also the names of their regions.
    assert [rows.count(name) for name in (b"Paris", b"Tokyo", b"Berlin")] == [2, 4, 4]


def test_an_event_counts_once_where_requests_cannot_be_taken_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edge = Edge(tmp_path)
    edge.settings = replace(edge.settings, rate_limits=True, ingest_records_per_minute=3)
    monkeypatch.setattr(single_events, "ingest_singles", None)
    requests = [encoded("json", edge.tokens[0], number, int(time.time()) - 5) for number in range(4)]
    answers = edge.play("limited", requests, together=True)
    assert [status for status, _, _ in answers] == [200, 200, 200, 429]


def test_a_body_over_the_limit_is_a_413(edge: Edge) -> None:
    ((status, _, body),) = edge.play(
        "large", [encoded("too large", edge.tokens[0], 1, int(time.time()))], together=True
    )
    assert (status, json.loads(body)["error"]) == (413, "request exceeds max limit of 8000 bytes")


def test_a_journal_that_takes_nothing_refuses_each_of_them(edge: Edge) -> None:
    requests = [encoded(kind, edge.tokens[0], number, int(time.time())) for number, kind in enumerate(JOINT[:2])]
    plain, verbose = edge.play("closed", requests, together=True, closed=True)
    assert plain[0] == verbose[0] == 503
    assert plain[2] == b"0"
    assert json.loads(verbose[2])["error"] == str(StorageError("journal is closed"))
    assert plain[1][b"retry-after"]
