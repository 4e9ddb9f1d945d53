"""Up to when the store holds everything."""

from dataclasses import dataclass

from trackway.alerts.known_until import KnownUntil


@dataclass
class _Progress:
    """The positions of a journal."""

    synced: int = 0
    loaded: int = 0

    @property
    def has_begun(self) -> bool:
        return self.loaded > 0

    def ends(self) -> tuple[int, ...]:
        return (self.synced,)

    def has_loaded(self, mark: tuple[int, ...]) -> bool:
        return self.loaded >= mark[0]


def known(progress: _Progress) -> KnownUntil:
    return KnownUntil(progress)  # type: ignore[arg-type]  # what of the protocol is asked


def test_nothing_is_known_before_the_loader_has_caught_up() -> None:
    progress = _Progress(synced=100)
    until = known(progress)
    assert until.look(1000) is None, "the loader has not begun"
    progress.loaded = 50
    assert until.look(2000) is None
    progress.loaded = 100
    assert until.look(3000) == 3000


def test_what_arrives_while_the_loader_stands_still_is_not_known() -> None:
    progress = _Progress(synced=100, loaded=100)
    until = known(progress)
    assert until.look(1000) == 1000
    progress.synced = 200
    assert until.look(2000) == 1000, "loaded to 100, which was all at 1000"
    assert until.look(60_000) == 1000
    progress.synced, progress.loaded = 300, 250
    assert until.look(61_000) == 2000, "loaded past all that was there at 2000"
    progress.loaded = 300
    assert until.look(62_000) == 62_000


def test_a_loader_that_is_always_a_little_behind_moves_the_moment_on() -> None:
    progress = _Progress(synced=100, loaded=100)
    until = known(progress)
    until.look(0)
    found = []
    for second in range(1, 60):
        progress.synced += 10
        found.append(until.look(second * 1000) or 0)
        progress.loaded = progress.synced - 10
    assert found == sorted(found) and found[-1] >= 55_000


def test_a_clock_that_is_set_back_is_no_knowledge_of_the_future() -> None:
    progress = _Progress(synced=100, loaded=100)
    until = known(progress)
    until.look(100_000)
    progress.synced = 200
    until.look(101_000)
    assert until.look(50_000) is None
    progress.loaded = 200
    assert until.look(51_000) == 51_000
