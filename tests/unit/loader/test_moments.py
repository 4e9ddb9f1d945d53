import pytest

from trackway.domain.errors import StorageError
from trackway.loader.moments import Moments


def test_work_is_done_when_all_before_its_position_is_loaded() -> None:
    moments, done = Moments(), list[str]()
    asked = moments.ask((10,), lambda: done.append("work"))
    assert not moments.is_due((9,)) and moments.is_due((10,))
    moments.take()
    assert done == ["work"] and asked.result(0) is None
    assert not moments.is_due((10,))
    moments.take()
    assert done == ["work"]


def test_a_failure_of_the_work_is_its_callers_and_not_the_loaders() -> None:
    moments = Moments()

    def fail() -> None:
        raise StorageError("the store is away")

    asked = moments.ask((0,), fail)
    moments.take()
    with pytest.raises(StorageError, match="away"):
        asked.result(0)
    assert not moments.is_due((0,))


def test_work_that_was_given_up_is_not_done() -> None:
    moments, done = Moments(), list[str]()
    assert moments.ask((0,), lambda: done.append("given up")).cancel()
    moments.take()
    assert done == []
    moments.ask((0,), lambda: done.append("next"))
    moments.take()
    assert done == ["next"]


def test_work_is_refused_where_another_machine_loads() -> None:
    moments = Moments()
    moments.refuse("nobody asked")
    asked = moments.ask((0,), lambda: None)
    moments.refuse("another machine loads")
    with pytest.raises(StorageError, match="another machine"):
        asked.result(0)


def test_work_waits_for_every_partition() -> None:
    moments = Moments()
    moments.ask((10, 5), lambda: None)
    assert not moments.is_due((11, 4)) and not moments.is_due((9, 6))
    assert moments.is_due((10, 5))
