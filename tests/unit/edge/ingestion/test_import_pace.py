"""An operator's import waits while much is not loaded, and not for ever."""

import asyncio
from typing import Any

import pytest

from trackway.edge.ingestion import import_pace
from trackway.edge.ingestion.import_pace import ImportPace
from trackway.edge.limits import IMPORT_AHEAD_BYTES_MAX


class Loaded:
    """The progress of a loader that loads a batch between two looks."""

    def __init__(self, *lags: int, has_begun: bool = True):
        self.has_begun = has_begun
        self.looks = 0
        self._lags = list(lags)

    def lags(self) -> list[int]:
        self.looks += 1
        return [0, self._lags.pop(0) if len(self._lags) > 1 else self._lags[0]]


def waited(progress: Any) -> None:
    asyncio.run(asyncio.wait_for(ImportPace(progress).wait(), 60))


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_pace, "IMPORT_LOOK_S", 0.001)
    monkeypatch.setattr(import_pace, "IMPORT_WAIT_S_MAX", 0.05)


def test_an_import_waits_until_less_is_left_to_load() -> None:
    loader = Loaded(IMPORT_AHEAD_BYTES_MAX + 2, IMPORT_AHEAD_BYTES_MAX + 1, IMPORT_AHEAD_BYTES_MAX)
    waited(loader)
    assert loader.looks == 3


def test_an_import_goes_on_slowly_where_nothing_is_loaded() -> None:
    stuck = Loaded(2 * IMPORT_AHEAD_BYTES_MAX)
    waited(stuck)
    assert stuck.looks > 1


@pytest.mark.parametrize("progress", [Loaded(IMPORT_AHEAD_BYTES_MAX), Loaded(1 << 40, has_begun=False)])
def test_an_import_waits_for_nothing_while_little_waits_and_before_the_loader_has_begun(progress: Any) -> None:
    waited(progress)
    assert progress.looks <= 1
