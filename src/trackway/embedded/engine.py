"""chDB, ClickHouse's engine as a library, loaded without its Python package.

The package imports pandas and pyarrow and opens a first connection. That takes one second and 70 MB, and this server
uses none of it. So the extension module is loaded from its file. Connections share one engine. Each connection runs one
query at a time and keeps its own settings. All calls release the interpreter lock while the engine works.
"""

import importlib.machinery
import importlib.util
import re
import sys
from pathlib import Path
from typing import Any, Protocol, cast
from urllib.parse import urlencode

from trackway.domain.errors import StorageError
from trackway.embedded.limits import (
    COMPILED_EXPRESSION_CACHE_BYTES,
    ENGINE_MEMORY_BYTES_MAX,
    INDEX_MARK_CACHE_BYTES,
    MARK_CACHE_BYTES,
    MERGE_NICENESS,
    PRIMARY_INDEX_CACHE_BYTES,
    QUERY_CONDITION_CACHE_BYTES,
)

# Bounds of the engine's memory and threads. The defaults suit big machines: five GB of marks, 90 % of the memory, a
# thousand idle threads.
ENGINE_OPTIONS = {
    "mark_cache_size": MARK_CACHE_BYTES,
    "primary_index_cache_size": PRIMARY_INDEX_CACHE_BYTES,
    "index_mark_cache_size": INDEX_MARK_CACHE_BYTES,
    "query_condition_cache_size": QUERY_CONDITION_CACHE_BYTES,
    "compiled_expression_cache_size": COMPILED_EXPRESSION_CACHE_BYTES,
    "mmap_cache_size": 64,
    "max_server_memory_usage": ENGINE_MEMORY_BYTES_MAX,
    "background_pool_size": 2,
    "max_thread_pool_free_size": 16,
    "os_threads_nice_value_merge_mutate": MERGE_NICENESS,
}

_CODE = re.compile(r"Code: (\d+)\.")


class EngineError(Exception):
    """The engine refused or failed. `code` is ClickHouse's error code, the text is ClickHouse's own."""

    def __init__(self, text: str) -> None:
        match = _CODE.search(text)
        self.code = int(match.group(1)) if match else 1002  # UNKNOWN_EXCEPTION
        super().__init__(text[match.start() :].strip() if match else text.strip())


class Result(Protocol):
    """A finished result, or one block of a streamed result."""

    def bytes(self) -> bytes: ...
    def rows_read(self) -> int: ...
    def bytes_read(self) -> int: ...
    def storage_rows_read(self) -> int: ...
    def storage_bytes_read(self) -> int: ...
    def elapsed(self) -> float: ...


class Handle(Protocol):
    """One connection to the engine. Every method blocks, and raises RuntimeError with ClickHouse's text."""

    def query(self, sql: str, format: str, params: dict[str, str]) -> Result: ...
    def send_query(self, sql: str, format: str, params: dict[str, str]) -> object: ...
    def streaming_fetch_result(self, stream: object) -> Result | None: ...
    def streaming_cancel_query(self, stream: object) -> None: ...
    def close(self) -> None: ...


class _Module(Protocol):
    def connect(self, connection: str) -> Handle: ...


def load() -> _Module:
    """The extension module, which a process can load only once. Raises StorageError where it is not installed."""
    name = "chdb._chdb"
    if name in sys.modules:
        return cast(_Module, sys.modules[name])
    package = importlib.util.find_spec("chdb")
    if package is None or not package.submodule_search_locations:
        raise StorageError("the embedded store needs the package chdb-core-lite")
    path = Path(package.submodule_search_locations[0]) / "_chdb.abi3.so"
    loader = importlib.machinery.ExtensionFileLoader(name, str(path))
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    assert spec is not None, "a spec made from a loader"
    module: Any = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    sys.modules[name] = module
    return cast(_Module, module)


def address(directory: Path, keep_free_bytes: int = 0) -> str:
    """The connection string for the engine's data in `directory`, with the bounds of `ENGINE_OPTIONS`.

    The engine reserves room before it begins an insert or a merge. It never reserves the last `keep_free_bytes`.
    """
    options = ENGINE_OPTIONS | {"storage_configuration.disks.default.keep_free_space_bytes": keep_free_bytes}
    return f"{directory}?{urlencode(options)}"
