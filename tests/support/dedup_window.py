"""A running server whose dedup window forgets its events."""

from pathlib import Path

from tests.support.store.process import running_store
from tests.support.store.tables import emptied
from trackway.store.client import Store


def forget_recent_events(data_dir: Path) -> None:
    """A day cannot be waited for: the store's table of recent keys is emptied, as its passing would."""
    with running_store(data_dir / "store") as stopped:
        store = Store(stopped.url)
        emptied(store, "event_keys")
        store.close()
