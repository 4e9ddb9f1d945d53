"""What machines report to each other of the use of projects, over messages that arrive, get lost or come twice."""

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from tests.support.edge.rate_limit_processes import NOON_S, a_project
from trackway.domain.errors import RequestError
from trackway.edge.limits import RATE_MACHINE_SILENT_S, RATE_MACHINES_MAX, RATE_PROJECTS_PER_FILE, RATE_REPORT_ALL_TURNS
from trackway.edge.quotas import machines as machines_module
from trackway.edge.quotas.machines import UseOfMachines
from trackway.edge.quotas.rate_limits import EXPORTING, HOUR_S, RECORDS, WINDOWS, RateLimits
from trackway.settings.table import Settings

LIMIT = 10
FAR_AWAY = RATE_PROJECTS_PER_FILE * 3 + 7


class Wire:
    """Brings messages of each machine to all, unless it is cut."""

    def __init__(self) -> None:
        self.listeners: dict[str, list[Callable[[bytes], None]]] = defaultdict(list)
        self.is_cut = False
        self.sent: list[bytes] = []


class Peer:
    """The `Machines` of one machine."""

    def __init__(self, wire: Wire, name: str):
        self._wire = wire
        self.name = name

    def send(self, topic: str, message: bytes) -> None:
        self._wire.sent.append(message)
        if not self._wire.is_cut:
            for heard in self._wire.listeners[topic]:
                heard(message)

    def listen(self, topic: str, heard: Callable[[bytes], None]) -> None:
        self._wire.listeners[topic].append(heard)


class Clock:
    now_s = NOON_S

    def __call__(self) -> float:
        return self.now_s


class Machine:
    """A machine with two edge processes. `turn` is what its thread does twice a second."""

    def __init__(self, wire: Wire, directory: Path, name: str, clock: Clock):
        self._peer, self._clock, self._directory = Peer(wire, name), clock, directory / name
        settings = Settings(
            workers=2, import_requests_per_hour=LIMIT, export_concurrent_max=2, journal_url="nats://127.0.0.1"
        )
        self.edges = [RateLimits(self._directory, index, settings, clock) for index in range(2)]
        self.restart()

    def restart(self) -> None:
        """The process that reports and listens begins anew."""
        self._use = UseOfMachines(self._directory, WINDOWS, self._peer, self._clock, self._clock)

    def turn(self) -> None:
        self._use.turn()

    def passed(self, calls: int, project_id: int = 1, edge: int = 0) -> int:
        """How many of these imports are let through."""
        number = 0
        for _ in range(calls):
            try:
                self.edges[edge].count_import(a_project(project_id))
            except RequestError as error:
                assert error.status == 429 and error.retry_after_s is not None and 0 < error.retry_after_s <= 2 * HOUR_S
            else:
                number += 1
        return number


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def three(wire: Wire, tmp_path: Path, clock: Clock) -> list[Machine]:
    return [Machine(wire, tmp_path, name, clock) for name in "abc"]


def turns(machines: list[Machine], count: int = 2) -> None:
    """So many turns of each: two bring all there is to all."""
    for _ in range(count):
        for machine in machines:
            machine.turn()


@pytest.mark.parametrize("project_id", [1, FAR_AWAY])
def test_a_limit_is_that_of_all_machines_once_they_have_told(three: list[Machine], project_id: int) -> None:
    assert three[0].passed(4, project_id) == 4
    assert three[1].passed(3, project_id, edge=1) == 3
    turns(three)
    assert three[2].passed(5, project_id) == LIMIT - 7
    turns(three)
    for machine in three:
        assert machine.passed(1, project_id) + machine.passed(1, project_id, edge=1) == 0
    assert three[0].passed(1, project_id + 1) == 1


def test_between_two_turns_each_machine_lets_through_the_limit_at_most(three: list[Machine]) -> None:
    assert [machine.passed(2 * LIMIT) for machine in three] == [LIMIT] * 3
    turns(three)
    assert [machine.passed(1) for machine in three] == [0] * 3


def test_what_was_used_is_free_again_after_the_window_on_every_machine(three: list[Machine], clock: Clock) -> None:
    assert three[0].passed(LIMIT) == LIMIT
    turns(three)
    assert three[1].passed(1) == 0
    clock.now_s += 2 * HOUR_S
    turns(three)
    assert three[1].passed(LIMIT) == LIMIT


def test_queries_that_run_elsewhere_count_until_they_end_or_their_machine_is_silent(
    three: list[Machine], clock: Clock
) -> None:
    project = a_project(1)
    for machine in three[:2]:
        machine.edges[0].begin(project, EXPORTING)
    turns(three)
    with pytest.raises(RequestError) as refused:
        three[2].edges[1].begin(project, EXPORTING)
    assert refused.value.status == 429
    three[0].edges[0].end(project, EXPORTING)
    turns(three)
    three[2].edges[1].begin(project, EXPORTING)
    turns(three)
    alive = [three[0], three[2]]
    with pytest.raises(RequestError):
        three[0].edges[0].begin(project, EXPORTING)
    for _ in range(4):  # the second machine is dead
        clock.now_s += RATE_MACHINE_SILENT_S / 2
        turns(alive)
    three[0].edges[0].begin(project, EXPORTING)


def test_lost_messages_are_made_good(three: list[Machine], wire: Wire) -> None:
    project = a_project(1)
    turns(three)
    three[0].edges[0].begin(project, EXPORTING)
    turns(three)
    wire.is_cut = True
    assert three[0].passed(LIMIT) == LIMIT
    three[0].edges[0].end(project, EXPORTING)
    turns(three)
    wire.is_cut = False
    turns(three)
    assert three[1].passed(1) == 1, "nothing changed since, so nothing was sent"
    turns(three, RATE_REPORT_ALL_TURNS)
    assert three[1].passed(1) == 0
    for _ in range(2):
        three[1].edges[0].begin(project, EXPORTING)


def test_a_machine_that_comes_later_and_one_that_starts_again_know_what_was_used(
    three: list[Machine], wire: Wire, tmp_path: Path, clock: Clock
) -> None:
    assert three[0].passed(LIMIT - 1) == LIMIT - 1
    turns(three)
    later = Machine(wire, tmp_path, "d", clock)
    turns([*three, later])
    assert later.passed(2) == 1
    three[1].restart()
    assert three[1].passed(2) == 1, "what was reported before is in a file"
    turns([*three, later])
    assert [machine.passed(1) for machine in [*three, later]] == [0] * 4


def test_messages_that_come_twice_count_once(three: list[Machine], wire: Wire) -> None:
    assert three[0].passed(LIMIT - 1) == LIMIT - 1
    turns(three)
    for message in list(wire.sent):
        for heard in wire.listeners["rates"]:
            heard(message)
    turns(three)
    assert three[1].passed(2) == 1


def test_what_no_machine_reports_changes_nothing(three: list[Machine], wire: Wire) -> None:
    in_future = (int(NOON_S) // WINDOWS[0].granule_s + 9) << 32 | 1000
    words = [(0, 10**9, 1), (-1, 0, 1), (10**9, 0, 1), (0, 5, in_future), (0, 0, -1), (0, 97, -1), (0, 96, 10**9)]
    odd = [b"", b"\xff" * 100, msgspec.msgpack.encode(["x", False, True, words]), msgspec.msgpack.encode(["x"])]
    for message in odd:
        for heard in wire.listeners["rates"]:
            heard(message)
    turns(three)
    assert [machine.passed(1) for machine in three] == [1] * 3
    assert sorted(path.name for path in three[0]._directory.glob("machines-*")) == ["machines-0"]


def test_machines_are_bounded(three: list[Machine], wire: Wire) -> None:
    for number in range(2 * RATE_MACHINES_MAX):
        message = msgspec.msgpack.encode([f"m{number}", False, False, []])
        for heard in wire.listeners["rates"]:
            heard(message)
    turns(three)
    assert len(three[0]._use._others) == RATE_MACHINES_MAX


def test_long_reports_are_cut_into_messages(three: list[Machine], wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machines_module, "RATE_WORDS_PER_MESSAGE", 2)
    turns(three)
    wire.sent.clear()
    for project_id in range(1, 6):
        assert three[0].passed(LIMIT, project_id) == LIMIT
    three[0].turn()
    assert len(wire.sent) == 3
    turns(three)
    assert [three[1].passed(1, project_id) for project_id in range(1, 6)] == [0] * 5


def test_records_of_a_minute_are_shared_too(wire: Wire, tmp_path: Path, clock: Clock) -> None:
    machines = [Machine(wire, tmp_path, name, clock) for name in "ab"]
    project = a_project(1, ingest_records_per_minute=100)
    machines[0].edges[0].count_records(project, 100, 5000)
    turns(machines)
    with pytest.raises(RequestError):
        machines[1].edges[0].check_records(project)
    clock.now_s += RECORDS.window.length_s + RECORDS.window.granule_s
    machines[1].edges[0].check_records(project)
