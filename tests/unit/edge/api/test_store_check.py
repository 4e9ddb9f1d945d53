"""What a check says of the store's cursor, of damage and of parts that were taken out."""

from trackway.edge.api.store_check import damage_fault, journal_faults
from trackway.query.damage_log import Damaged


def test_a_store_that_is_ahead_of_its_journal_is_a_fault() -> None:
    assert journal_faults([10], [10], failing=False) == []
    assert journal_faults([0], [10], failing=False) == []
    assert journal_faults([10, 7], [11, 7], failing=False) == []
    [other] = journal_faults([10, 8], [11, 7], failing=False)
    assert other.startswith("the store has loaded up to position 8, and the journal ends at 7")
    [ahead] = journal_faults([11], [10], failing=False)
    assert ahead.startswith("the store has loaded up to position 11, and the journal ends at 10")


def test_a_loader_that_fails_is_a_fault() -> None:
    assert journal_faults([10], [10], failing=True) == ["the loader cannot load: the server's log says why"]


def test_damage_is_a_fault_while_rows_are_missing() -> None:
    found = Damaged("events", 2, 0, 0, 0, 0)
    assert damage_fault(found) == ""
    assert damage_fault(found._replace(lost=3)) == "3 rows of events are lost"
    missing = "rows of 1 parts of events are lost, nobody knows how many, 2 parts of events are not loaded again yet"
    assert damage_fault(found._replace(unknown=1, pending=2)) == missing
