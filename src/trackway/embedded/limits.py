"""Limits of `embedded`: one constant each, with its unit and its source."""

# The engine
ENGINE_MEMORY_BYTES_MAX = 1100 * 1024 * 1024
"""Memory of the engine. Its own default is 90 % of the machine's."""
MARK_CACHE_BYTES = 32 * 1024 * 1024
PRIMARY_INDEX_CACHE_BYTES = 32 * 1024 * 1024
INDEX_MARK_CACHE_BYTES = 8 * 1024 * 1024
QUERY_CONDITION_CACHE_BYTES = 8 * 1024 * 1024
COMPILED_EXPRESSION_CACHE_BYTES = 16 * 1024 * 1024
"""The engine's caches, which are part of that memory. Its own defaults are up to 5 GB."""
MERGE_NICENESS = 5
"""Niceness of the threads that merge parts, where the process may set one. Where cores are short, each gets a third of
what an insert gets, so that merges neither slow inserts much nor fall behind."""
ENGINE_CALL_S_MAX = 900.0
"""An insert that the engine has not finished after this time counts as hung. The loader times out long before."""
ENGINE_KILL_S_MAX = 120.0
"""A killed query that has not ended after this time counts as hung. The engine checks for a kill between two blocks."""
KILL_AGAIN_S = 0.2
"""Time between two attempts to kill a query whose client disconnected."""
LANE_WAITING_MAX = 256
"""Statements of one project that wait for a connection of a workload. Every edge process has a lower bound of its
own."""

# Statements and results
STATEMENT_BYTES_MAX = 16 * 1024 * 1024
"""A statement, without the rows that it inserts."""
STATEMENT_PEEK_BYTES = 64 * 1024
"""Length of the start of a body in which the statement is searched."""
UNPACKED_PIECE_BYTES_MAX = 1 << 20
"""Bytes that one step of decompression gives, so that a small compressed body cannot fill the memory."""
WHOLE_RESULT_BYTES_MAX = 256 * 1024 * 1024
"""A result that is not streamed. A larger one is an error of the query."""
STREAM_BLOCK_ROWS = 16_384
"""Rows in a block of a streamed result: a quarter of the default. It is as fast, and rows of a megabyte still fit."""
SENT_PIECE_BYTES = 1 << 20
"""Bytes of a result that are handed to the connection at once."""

# The process
STORE_KEEP_ALIVE_S = 3600
"""An idle connection stays open this long. The clients are our own processes, and their next request would fail on a
connection that was closed earlier."""
STORE_SHUTDOWN_S_MAX = 20
"""Time that statements have to end after SIGTERM."""
