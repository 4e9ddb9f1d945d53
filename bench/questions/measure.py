"""All rounds of the questions: as plain statements, then by trackway's endpoints, and DuckDB beside both.

The plain statements are asked of a store process of its own, before a server has prepared anything, while the events of
a month lie in several parts. Then a server starts on the same data directory, as after an upgrade, and is asked once it
does nothing more by itself; and again after events have arrived that it has not compacted. Each round asks about other
days, and one before the first warms everything up. Every answer must equal DuckDB's.
"""

import shutil
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from bench.backups import BesideBackups, measure_beside_backups
from bench.beside import Beside, measure_beside
from bench.bodies import Bodies
from bench.counts import Count
from bench.dashboards import Loads, measure_dashboard
from bench.memory import Peak
from bench.plan import Plan
from bench.questions.data import Data, keep_unsettled, let_settle, store_events, store_links, write_columns
from bench.questions.endpoints import ask_endpoint, reads_facts
from bench.questions.plain import ask_plain
from bench.questions.prepared import Prepared
from bench.questions.questions import QUESTIONS, Answer, Days, Question, check_equal
from bench.server import Server, running, wait_until
from bench.stores import running_store, wait_merged
from trackway.store.client import Store
from trackway.store.workload import API

Tell = Callable[[str], None]
_COMPACTED_S_MAX: Final = 1200.0
_Ask = Callable[[Question, Days], Answer]


class Times(NamedTuple):
    """Seconds that a question took in a round: DuckDB, and what was asked beside it."""

    prepared_s: float
    asked_s: float


class Series(NamedTuple):
    """A round of all questions: times by their names, and the bytes by which the store grew at most."""

    times: dict[str, Times]
    growth_bytes: int


class Asked(NamedTuple):
    """All that one round found. `newest`: while a twentieth of the events is newer than the last compaction."""

    plain: dict[str, Times]
    settled: Series
    dashboard: Loads
    beside: Beside
    backups: BesideBackups
    newest: Series

    @property
    def counts(self) -> list[Count]:
        """The counts of the loads beside reports and backups."""
        return [*self.beside.alone.counts, *self.beside.beside.counts, *self.backups.counts]


def measure_questions(plan: Plan, work: Path, tell: Tell, bodies: Bodies, rate: float) -> list[Asked]:
    """One of each round. `rate`: events a second of the load beside reports, which are those of `bodies`.

    Raises RuntimeError for an answer that differs from DuckDB's.
    """
    directory = work / "questions"
    data_dir = directory / "data"
    directory.mkdir()
    with running(data_dir) as server:
        first = server.first
        server.wait_loaded()
    with closing(Prepared(directory / "prepared.db")) as prepared:
        stage = _Stage(plan, Data(plan.asked_events, plan.asked_links), directory, prepared, tell)
        with running_store(data_dir / "store") as store:
            plain = stage.fill_and_ask_plainly(store)
        with running(data_dir, first) as server:
            settled = stage.ask_server(server)
            tell("a dashboard")
            dashboards = [measure_dashboard(server, data_dir, plan.dashboard_loads)] * plan.rounds
            tell("/track beside reports")
            numbers = range(1, plan.rounds + 1)
            beside = [measure_beside(server, plan, bodies, rate, number) for number in numbers]
            tell("/import beside backups")
            backups = [measure_beside_backups(server, plan, bodies, directory, number) for number in numbers]
        with running_store(data_dir / "store") as store:
            stage.add_newest(store)
        with running(data_dir, first) as server:
            newest = stage.ask_server(server)
    shutil.rmtree(directory)
    return [Asked(*each) for each in zip(plain, settled, dashboards, beside, backups, newest, strict=True)]


class _Stage(NamedTuple):
    """What is asked, and of whom."""

    plan: Plan
    data: Data
    directory: Path
    prepared: Prepared
    tell: Tell

    def fill_and_ask_plainly(self, store: Store) -> list[dict[str, Times]]:
        """Put the events into both databases, and ask the store."""
        self.tell(f"making {self.data.events:,} events to ask about")
        keep_unsettled(store)
        project_id = _project(store)
        store_links(store, self.data, project_id)
        store_events(store, self.data, self.data.settled, project_id)
        columns = self.directory / "columns"
        columns.mkdir()
        newest = write_columns(store, self.data, self.data.newest, columns / "newest")
        settled = write_columns(store, self.data, self.data.settled, columns / "settled")
        self.prepared.load(settled, columns / "*" / newest.name)
        wait_merged(store)
        self._check_complete(self.data.events)
        self.tell("questions as plain statements")
        with closing(Store(store.url, workload=API)) as asked:
            times = self._rounds(partial(ask_plain, asked, project_id))
        let_settle(store)
        return times

    def ask_server(self, server: Server) -> list[Series]:
        """Once its reports read facts, and it is idle."""
        self.tell("compaction and merges")
        first = QUESTIONS[0], QUESTIONS[0].asked(0, self.plan.rounds + 1)
        wait_until(
            lambda: reads_facts(server.port, server.first, *first), _COMPACTED_S_MAX, "reports to read facts", 1.0
        )
        server.wait_idle(self.plan.rested_s)
        self.tell("questions to the server")
        series = []
        for number in range(self.plan.rounds + 1):
            with Peak(server.pids["store"]) as peak:
                times = self._round(number, partial(ask_endpoint, server.port, server.first))
            series.append(Series(times, peak.growth))
        return series[1:]

    def add_newest(self, store: Store) -> None:
        """Put the newest events into both databases."""
        self.tell("making newer events")
        store_events(store, self.data, self.data.newest, _project(store))
        self.prepared.add(self.directory / "columns" / "newest" / "*.parquet")
        self._check_complete(self.data.events + sum(batch.events for batch in self.data.newest))

    def _check_complete(self, events: int) -> None:
        if (found := self.prepared.count()) != events:
            raise RuntimeError(f"DuckDB has {found:,} of {events:,} events")

    def _rounds(self, ask: _Ask) -> list[dict[str, Times]]:
        """Times of each round. The first one warms up."""
        return [self._round(number, ask) for number in range(self.plan.rounds + 1)][1:]

    def _round(self, number: int, ask: _Ask) -> dict[str, Times]:
        """Every question once to each of the two. Which is the first changes from round to round."""
        times: dict[str, Times] = {}
        for question in QUESTIONS:
            days = question.asked(number, self.plan.rounds + 1)
            if number % 2:
                expected, prepared_s = _timed(self.prepared.ask, question, days)
                found, asked_s = _timed(ask, question, days)
            else:
                found, asked_s = _timed(ask, question, days)
                expected, prepared_s = _timed(self.prepared.ask, question, days)
            check_equal(question.name, expected, found)
            times[question.name] = Times(prepared_s, asked_s)
        return times


def _timed(ask: _Ask, question: Question, days: Days) -> tuple[Answer, float]:
    began_s = time.monotonic()
    found = ask(question, days)
    return found, time.monotonic() - began_s


def _project(store: Store) -> int:
    """The project that the first start made: the one of all events at first, and of the lowest number later."""
    ((project_id,),) = store.query("SELECT min(project_id) FROM events")
    return int(project_id)
