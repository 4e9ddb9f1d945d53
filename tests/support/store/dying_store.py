"""A store whose user is killed at one of its changes."""

from collections.abc import Callable
from typing import Any

from tests.support.loader.story import Killed
from trackway.store.client import Store


class Dying(Store):
    """A store that is left at one statement that changes it: before it is made, or after."""

    def __init__(self, url: str, at: int, *, after: bool):
        super().__init__(url)
        self.left = at
        self._after = after

    def _counted(self, change: Callable[[], Any]) -> Any:
        self.left -= 1
        if self.left == -1 and not self._after:
            raise Killed
        made = change()
        if self.left == -1:
            raise Killed
        return made

    def command(self, *given: Any, **named: Any) -> None:
        self._counted(lambda: super(Dying, self).command(*given, **named))

    def insert_rows(self, *given: Any, **named: Any) -> int:
        return int(self._counted(lambda: super(Dying, self).insert_rows(*given, **named)))
