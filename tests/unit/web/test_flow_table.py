"""The tables of flows, and their CSV."""

from tests.support.web.flows import answers
from trackway.web.flow_table import LEFT, OTHERS, FlowTable, csv_of_flows, flow_table, path_text

PATHS = {
    ((0, "look"), (1, "buy"), (2, "pay"), (3, "look")): 4,
    ((1, "buy"), (2, "pay")): 3,
    ((1, "buy"), (2, "=call")): 1,
    ((1, "buy"), (2, "ask")): 1,
    ((1, "buy"), (2, "wait")): 1,
}


def table() -> FlowTable:
    return flow_table(*answers(PATHS))


def test_columns_are_named_by_their_distance_from_the_event() -> None:
    assert table().titles == ["1 before", "buy", "1 after", "2 after"]


def test_each_column_has_its_events_and_those_who_left() -> None:
    found = table()
    assert found.entered == 10
    assert [[(node.name, node.number) for node in column] for column in found.columns] == [
        [("look", 4)],
        [("buy", 10)],
        [("pay", 7), ("=call", 1), ("ask", 1), (OTHERS, 1)],
        [("look", 4), (LEFT, 6)],
    ]
    assert [node.is_event for node in found.columns[2]] == [True, True, True, False]
    assert [node.is_left for node in found.columns[3]] == [False, True]


def test_the_ways_of_a_node_are_places_in_later_columns() -> None:
    found = table()
    [buy] = found.columns[1]
    assert {found.columns[way.column][way.place].name: way.number for way in buy.ways} == {
        "pay": 7, "=call": 1, "ask": 1, OTHERS: 1,
    }  # fmt: skip


def test_an_event_of_a_client_is_no_word_of_the_page() -> None:
    found = flow_table(*answers({((1, "DROPOFF"), (2, "$other"), (3, "left")): 2}))
    assert [[(node.name, node.is_event) for node in column] for column in found.columns[1:]] == [
        [("DROPOFF", True)],
        [("$other", True)],
        [("left", True)],
    ]


def test_csv_has_the_paths_with_their_events_in_columns() -> None:
    found = table()
    assert path_text(found.paths[1]) == f"buy → pay → {LEFT}"
    assert csv_of_flows(found).splitlines()[:4] == [
        "flows,part,event 1,event 2,event 3,event 4",
        "4,0.4,look,buy,pay,look",
        "3,0.3,buy,pay,left",
        "1,0.1,buy,'=call,left",
    ]
    assert csv_of_flows(FlowTable([], [], [], 0)) == "flows,part\r\n"
