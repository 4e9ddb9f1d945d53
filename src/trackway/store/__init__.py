"""The client of the store: ClickHouse, either an external server or the embedded engine (`embedded`).

`reader` is the front door for event loops, `client.Store` blocks and is for threads, `migrate` makes the tables.
"""
