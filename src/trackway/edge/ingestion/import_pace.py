"""The pace of an operator's import: no further ahead of the loader than it needs to be always busy.

Without it an import takes the processors from the loader, and fills the disk with a journal that is loaded after its
end. What clients send counts too, so they come first.
"""

import asyncio

from trackway.edge.limits import IMPORT_AHEAD_BYTES_MAX, IMPORT_LOOK_S, IMPORT_WAIT_S_MAX
from trackway.journal.log import Progress


class ImportPace:
    """Of one journal."""

    def __init__(self, progress: Progress):
        self._progress = progress

    async def wait(self) -> None:
        """Wait while much is not loaded, but not for ever: where the store is away, an import goes on slowly."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + IMPORT_WAIT_S_MAX
        while self._progress.has_begun and max(self._progress.lags(), default=0) > IMPORT_AHEAD_BYTES_MAX:
            if loop.time() >= until_s:
                return
            await asyncio.sleep(IMPORT_LOOK_S)
