"""The compactor: it derives the facts that reports read from events, while the loader leaves it time."""
