"""Refusing to start on an external store that this version cannot use, if it answers.

A store that does not answer may come later; the loader then stops by itself. A separate process asks the store, since
the supervisor forks and must have neither the driver's memory nor its threads.
"""

import os

from trackway.domain.errors import StateError, StorageError


def refuse_unusable(store_url: str) -> None:
    """Raises StateError when the store answers, and is newer than this version or a server that is too old."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        os.write(writer, _fault(store_url).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        fault = pipe.read().decode()
    os.waitpid(pid, 0)
    if fault:
        raise StateError(f"{fault}, or give another store")


def _fault(store_url: str) -> str:
    """Why the store cannot be used; empty if it can, or does not answer."""
    from trackway.store.client import Store  # noqa: PLC0415
    from trackway.store.migrate import UnusableStore, require_usable  # noqa: PLC0415
    from trackway.store.workload import HEALTH  # noqa: PLC0415

    try:
        require_usable(Store(store_url, workload=HEALTH, connect_timeout_s=3))
    except UnusableStore as error:
        return str(error)
    except StorageError:
        return ""
    return ""
