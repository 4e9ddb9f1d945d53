"""Keys that all servers of one PostgreSQL database share: random bytes by name, made once and never changed.

A name and perhaps the key of this machine arrive. The key that counts for all leaves. Of several servers that start at
once, the first one's key counts.
"""

import secrets
import time
from typing import Final

import psycopg

from trackway.projects.postgresql import connect, failure

SESSION_KEY: Final = "session"
_KEEP: Final = "INSERT INTO server_keys (name, key, created_at_ms) VALUES (%s, %s, %s) ON CONFLICT (name) DO NOTHING"
_KEPT: Final = "SELECT key FROM server_keys WHERE name = %s"


def erasure_key_name(region: str) -> str:
    """The hashes of erased ids are in the store, and each region has a store of its own."""
    return f"erasure-{region}"


def shared_key(url: str, name: str, size: int, own: bytes | None = None) -> bytes:
    """The key of that name, durable at return. Where there is none, `own` becomes it, or `size` random bytes.

    Raises StorageError.
    """
    made = own or secrets.token_bytes(size)
    try:
        with connect(url) as connection:
            connection.execute(_KEEP, (name, made.hex(), time.time_ns() // 1_000_000))
            # A statement of its own: it sees the row of another server, for whose commit the insert has waited.
            [(key,)] = connection.execute(_KEPT, (name,)).fetchall()
    except psycopg.Error as error:
        raise failure(url, error) from error
    return bytes.fromhex(key)
