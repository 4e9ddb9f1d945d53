"""Concurrent clients of all forms, who send until they are told to stop."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from tests.support.crash.client import Client
from tests.support.crash.ledger import Ledger, Sent
from tests.support.crash.logins import Logins
from tests.support.crash.traffic import Traffic, Wire

BATCH_MAX = 40
IMPORT_MAX = 250
UPDATES_MAX = 20
_SINGLES, _BATCHES, _IMPORTS, _UPDATES = 3, 2, 2, 3
_LOGINS = 2


class Form(NamedTuple):
    """A sort of client."""

    make: Callable[[], tuple[Sent, Wire]]
    clients: int
    pause_s_max: float


class Load:
    """Runs within an event loop: `begin`, then `end`, which lets every client finish its request."""

    def __init__(
        self,
        port: Callable[[], int],
        traffic: Traffic,
        rng: random.Random,
        patience: float = 0.8,
        logins: Logins | None = None,
    ):
        self.ledger = Ledger()
        self._port = port
        self._rng = rng
        self._patience = patience
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []
        self._forms = [
            Form(traffic.single, _SINGLES, 0.02),
            Form(lambda: traffic.batch(BATCH_MAX), _BATCHES, 0.05),
            Form(lambda: traffic.imported(IMPORT_MAX), _IMPORTS, 0.2),
            Form(lambda: traffic.updates(UPDATES_MAX), _UPDATES, 0.1),
        ]
        if logins is not None:
            self._forms += [
                Form(lambda: logins.events(BATCH_MAX), _LOGINS, 0.1),
                Form(lambda: logins.updates(UPDATES_MAX), _LOGINS, 0.1),
            ]

    def begin(self) -> None:
        for form in self._forms:
            self._tasks += [asyncio.create_task(self._send(form)) for _ in range(form.clients)]

    async def end(self) -> None:
        """All clients have finished. Raises what one of them raised."""
        self._stopping = True
        await asyncio.gather(*self._tasks)

    async def give_up(self) -> None:
        """Break off every client, whatever it waits for."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def check(self) -> None:
        """Raise at once what a client raised."""
        for task in self._tasks:
            if task.done():
                task.result()

    async def _send(self, form: Form) -> None:
        client = Client(self._port, self.ledger, self._rng, self._patience)
        try:
            while not self._stopping:
                await client.send_until_acknowledged(*form.make())
                await asyncio.sleep(form.pause_s_max * self._rng.random())
        finally:
            client.close()


async def under_load(load: Load, meanwhile: Callable[[], Awaitable[None]]) -> None:
    """Do something while the clients send; at return they are done. Where it raises they are given up: it may have left
    no server that could answer them."""
    load.begin()
    try:
        await meanwhile()
    except BaseException:
        await load.give_up()
        raise
    await load.end()
