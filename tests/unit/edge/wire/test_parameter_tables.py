"""Each endpoint's table of parameters: it says what the endpoint reads, refuses and counts."""

from collections.abc import Iterator, Mapping

import pytest

from tests.support.edge.rate_limit_processes import a_project
from trackway.domain.errors import RequestError
from trackway.edge.api.profiles import read_wanted
from trackway.edge.api.raw_export import read_query
from trackway.edge.wire.parameter_tables import EXPORT, PROFILE_QUERY, RECORDS, TABLES, TRACK, Table
from trackway.edge.wire.replies import read_flags
from trackway.telemetry import metrics
from trackway.telemetry.limits import METRIC_PARAMETERS_MAX


class Recording(Mapping[str, str]):
    """Parameters that remember which names were asked for."""

    def __init__(self, **parameters: str) -> None:
        self._parameters = parameters
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.read.add(name)
        return self._parameters[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parameters)

    def __len__(self) -> int:
        return len(self._parameters)


def unknown(endpoint: str) -> dict[str, float]:
    """What has been counted of an endpoint, by parameter."""
    prefix = f'trackway_unknown_parameters_total{{endpoint="{endpoint}",parameter="'
    lines = metrics.render()[0].decode().splitlines()
    counted = (line.removeprefix(prefix).rsplit('"} ', 1) for line in lines if line.startswith(prefix))
    return {name: float(count) for name, count in counted}


@pytest.mark.parametrize("table", TABLES, ids=[table.name for table in TABLES])
def test_a_table_names_each_parameter_once(table: Table) -> None:
    names = [*table.honoured, *table.refused, *table.ignored]
    assert len(names) == len(set(names))


def test_an_export_reads_what_its_table_says() -> None:
    parameters = Recording(from_date="2026-11-01", to_date="2026-11-02")
    read_query(parameters, a_project())
    assert parameters.read | {"project_id"} == {*EXPORT.honoured}  # project_id belongs to the credentials


def test_a_profile_query_reads_what_its_table_says() -> None:
    parameters = Recording()
    read_wanted(parameters, a_project())
    assert parameters.read | {"project_id"} == {*PROFILE_QUERY.honoured}


def test_the_flags_of_ingestion_are_what_its_tables_say() -> None:
    parameters = Recording(a="b")
    read_flags(parameters, [])
    assert {*parameters.read, "data", "ip"} == {*TRACK.honoured}  # decoding reads `data`, geolocation `ip`
    assert all({*TRACK.honoured} <= {*table.honoured} for table in RECORDS.values())


@pytest.mark.parametrize("name", PROFILE_QUERY.refused)
def test_what_would_choose_other_profiles_is_refused_by_name(name: str) -> None:
    with pytest.raises(RequestError, match=f"^{name} is not supported$") as caught:
        PROFILE_QUERY.check({name: "1"})
    assert caught.value.status == 400
    PROFILE_QUERY.check({name: ""})


def test_unknown_names_are_counted_in_bounded_number() -> None:
    table = Table(TRACK.name, (), is_open=False)
    before = unknown(table.name)
    table.count_unknown({"ip": "1", "verbose": "1"})
    assert unknown(table.name) == before
    table.count_unknown({"colour": "1", "a b\n": "2", "x" * 41: "3"})
    table.count_unknown({"colour": "1"})
    counted = unknown(table.name)
    assert counted["colour"] == before.get("colour", 0) + 2
    assert counted["other"] == before.get("other", 0) + 2
    for number in range(5 * METRIC_PARAMETERS_MAX):
        table.count_unknown({f"invented_{number}": "1"})
    assert len(unknown(table.name)) <= METRIC_PARAMETERS_MAX + 1


def test_metrics_show_no_name_that_an_anonymous_request_invents() -> None:
    TRACK.count_unknown({"somebody@example.com": "1", "anything": "2"})
    assert {"somebody@example.com", "anything"}.isdisjoint(unknown(TRACK.name))
    assert unknown(TRACK.name)["other"] >= 2
