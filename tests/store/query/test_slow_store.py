"""Every question of `query`, asked on an event loop while the store stands still: the loop goes on."""

import asyncio
import importlib
import inspect
import os
import pkgutil
import signal
import threading
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, closing
from datetime import date
from typing import Any

import pytest

from tests.support.event_loop import longest_gap_s
from tests.support.store.process import RunningStore, migrated_store
from trackway import lookup, query
from trackway.domain.endpoint import Endpoint
from trackway.lookup.versions import LookupTable
from trackway.query.event_feed import Cursor
from trackway.query.export import ExportQuery
from trackway.query.expressions import parse
from trackway.query.filtered_events import FilteredEvents
from trackway.query.identity_lookup import Person
from trackway.query.loaded_events import Form, LoadedRange
from trackway.query.mapped_tables import Mapped
from trackway.query.profile_pages import Session
from trackway.query.profile_query import ProfileQuery
from trackway.query.profile_search import Search
from trackway.query.read_only_sql.ask import Asked
from trackway.query.rejected_records import Key, State
from trackway.query.reports.funnel_people import FunnelPeople, FunnelPerson
from trackway.query.sql.cohort import Has
from trackway.query.sql.days import UTC_DAYS
from trackway.query.sql.event_filter import EventFilter
from trackway.query.sql.events import project_events
from trackway.query.sql.facts_check import Step
from trackway.query.sql.person import Known
from trackway.query.sql.selector import Selector
from trackway.store.errors import StoreError
from trackway.store.reader import Reader
from trackway.store.workload import LOADER

FROZEN_S = 3.0
GAP_S_MAX = FROZEN_S / 5
PROJECT = 7
DAY = date(2026, 2, 28)
WHERE = parse('true and properties["on"]')
FILTER = EventFilter(distinct_id="ada")
CHOSEN = FilteredEvents(project_events(PROJECT), WHERE, Known(links=False))
KEY = Key(1_772_000_000_000_000, 2, 3)
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "event_feed.newest": (PROJECT, FILTER, None, 10),
    "event_feed.event_at": (PROJECT, Cursor(1, 2, 3, 4)),
    "event_feed.fresh": (PROJECT, FILTER, 0, 10),
    "event_feed.last_loaded": (PROJECT, FILTER),
    "event_feed.sample": (PROJECT, FILTER, 10),
    "event_files.event_cells": (PROJECT, CHOSEN, ["price"]),
    "event_files.event_lines": (PROJECT, CHOSEN),
    "event_files.event_table": (PROJECT, CHOSEN),
    "event_files.frequent_names": (PROJECT, CHOSEN, 10),
    "event_files.is_more_than": (PROJECT, CHOSEN, 10),
    "event_files.of_report": (PROJECT, [Selector("a")], WHERE, (0, 1), [Mapped("song", False, uuid.UUID(int=1))]),
    "kept_people.keep": (PROJECT, FunnelPeople(1, [FunnelPerson(1, 2, 3, 4)]), "0" * 16),
    "kept_people.kept": (PROJECT, Session(1, 2000, "0" * 32), 0, 50),
    "broken_facts.may_ask_again": (PROJECT, StoreError("store: a file is too short", 33)),
    "damage_log.damaged": (PROJECT,),
    "facts_check.compare": (PROJECT, Step("2026-02-28", "2026-02-28", 0, 1)),
    "facts_check.steps": (PROJECT,),
    "facts_state.ask_for_rebuild": (PROJECT,),
    "facts_state.facts_of": (PROJECT,),
    "assured.answered": (PROJECT, [], lambda _: asyncio.sleep(FROZEN_S)),
    "assured.assured": (PROJECT, lambda _: asyncio.sleep(FROZEN_S)),
    "facts_state.known_of": (PROJECT,),
    "facts_state.parts_now": (PROJECT,),
    "facts_state.state_of": (PROJECT,),
    "filtered_events.find": (PROJECT, FILTER),
    "aged_data.aged_data": (PROJECT, 1, 1),
    "event_names.volumes": (PROJECT, DAY, DAY),
    "event_names.shapes": (PROJECT,),
    "ask.ask": (Asked(PROJECT, "SELECT count() FROM events", UTC_DAYS, None),),
    "export.export_lines": (ExportQuery(PROJECT, DAY, DAY, None, None, False, True, WHERE),),
    "loaded_events.loaded_days": (PROJECT, 0, None, ["a"]),
    "loaded_events.loaded_events": (LoadedRange(PROJECT, 1, 2, ["a"]), DAY, Form.ROWS),
    "identity_lookup.known": (PROJECT,),
    "identity_lookup.known_links": (PROJECT,),
    "identity_lookup.people_of": (PROJECT, ["ada"]),
    "mapped_tables.lookups_of": (PROJECT, [Mapped("song", False, uuid.UUID(int=1))]),
    "rows.lookup_rows": (PROJECT, LookupTable(uuid.UUID(int=1), "Songs", uuid.UUID(int=2), [], 0)),
    "ingestion_stats.activity": (PROJECT, 0),
    "ingestion_stats.buckets": (PROJECT, 1_000_000, 60, 60),
    "ingestion_stats.rejected_for": (PROJECT, 0),
    "ingestion_stats.rejected_of_nobody": (0,),
    "ingestion_stats.arrivals": (PROJECT,),
    "ingestion_stats.latest_event": (PROJECT, 0),
    "ingestion_stats.totals": (PROJECT, 0, 60),
    "people.people": (ProfileQuery(PROJECT, search="a"), 0, 10),
    "people.people_count": (ProfileQuery(PROJECT, where=WHERE),),
    "profile_search.search": (PROJECT, Search()),
    "profile_search.profiles": (PROJECT, "", ["ada"]),
    "profile_search.group_keys": (PROJECT,),
    "profile_search.activity_of_person": (PROJECT, ["ada"], DAY),
    "profile_search.activity_of_group": (PROJECT, "company", "Acme", DAY),
    "identity_lookup.person_of": (PROJECT, "ada"),
    "person_data.person_document": (PROJECT, ["ada"]),
    "person_data.person_table": (PROJECT, ["ada"], "events"),
    "person_size.person_size": (PROJECT, ["ada"]),
    "identity_lookup.is_known": (PROJECT, Person("ada", ["ada"], [], False)),
    "identity_lookup.preview": (PROJECT, "simplified", "$device:d", "ada"),
    "identity_lookup.ids_of": (PROJECT, "ada"),
    "profile_pages.first_page": (ProfileQuery(PROJECT, where=WHERE), "0123456789abcdef"),
    "profile_pages.in_cohort": (ProfileQuery(PROJECT), Has(WHERE)),
    "profile_pages.later_page": (PROJECT, Session(1, 2000, "0" * 32), 0),
    "profile_query.check_where": (ProfileQuery(PROJECT, where=WHERE),),
    "property_times.property_times": (PROJECT, "", {"on": (0, 1)}),
    "rejected_records.reasons": (PROJECT,),
    "rejected_records.records": (PROJECT, Endpoint.TRACK, "no reason"),
    "rejected_records.record": (PROJECT, KEY, 10),
    "rejected_records.mark": (PROJECT, [KEY], State.OPEN, KEY.received_us, "Ann"),
    "named_people.named_people": (PROJECT, [1], 0, 1),
    "store_parts.cursors_of": (2,),
    "store_parts.store_parts": (),
    "store_parts.detached_parts": (),
    "store_parts.part_fault": ("events", "202602_1_1_0"),
    "stored_events.aged_events": (PROJECT,),
    "stored_events.stored_events": (PROJECT,),
    "users.count_by_user": (PROJECT, DAY, DAY),
}
ASK_NOTHING = {"facts_state.parts_before"}
NAMED = {"rejected_records.records": {"count": 10}}


def questions() -> dict[str, tuple[Any, int]]:
    """Every public function of the packages that asks a reader, and how many readers it takes."""
    found = {}
    packages = [*pkgutil.walk_packages(query.__path__, "trackway.query.")]
    packages += pkgutil.walk_packages(lookup.__path__, "trackway.lookup.")
    for module in packages:
        for name, function in vars(importlib.import_module(module.name)).items():
            if not inspect.isfunction(function) or function.__module__ != module.name or name.startswith("_"):
                continue
            parameters = inspect.signature(function).parameters.values()
            if readers := sum(each.annotation is Reader for each in parameters):
                found[f"{module.name.rpartition('.')[2]}.{name}"] = (function, readers)
    return found


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStore]:
    with migrated_store(tmp_path_factory.mktemp("store")) as running:
        yield running


async def answer(asked: Any) -> None:
    """Ask to the end, whatever kind of function it is. A session that is unknown is an answer, too."""
    if isinstance(asked, AbstractAsyncContextManager):
        async with asked as pieces:
            async for _ in pieces:
                pass
    elif isinstance(asked, AsyncIterator):
        async for _ in asked:
            pass
    else:
        await asked


def test_no_question_stops_its_loop(running: RunningStore) -> None:
    every = questions()
    functions = {name: every[name] for name in every if name not in ASK_NOTHING}
    assert set(functions) == set(ARGUMENTS), "each question has arguments here"
    workload = LOADER._replace(connections=len(functions), project_max=len(functions))

    async def story() -> tuple[float, list[Any]]:
        with closing(Reader(running.url, workload)) as reader:
            await reader.ping()
            asked = [
                function(*[reader] * readers, *ARGUMENTS[name], **NAMED.get(name, {}))
                for name, (function, readers) in functions.items()
            ]
            os.kill(running.pid, signal.SIGSTOP)
            # Not by the loop: one that stands still could not do it.
            going_on = threading.Timer(FROZEN_S, os.kill, (running.pid, signal.SIGCONT))
            going_on.start()
            answers = asyncio.gather(*map(answer, asked), return_exceptions=True)
            began_s = time.monotonic()
            gap_s = await longest_gap_s(answers)
            assert time.monotonic() - began_s >= FROZEN_S, "nothing was asked while the store stood still"
            return gap_s, await answers

    gap_s, answers = asyncio.run(story())
    failed = [f"{name}: {each!r}" for name, each in zip(functions, answers, strict=True) if each is not None]
    assert [each for each in failed if "UnknownSession" not in each] == []
    assert gap_s < GAP_S_MAX
