"""The durable log of accepted requests: processes append, the loader reads on, and a 200 waits for the sync.

`log` has the interface, `open` the door, `segments` the implementation in files. `docs/journal-format.md` describes the
files.
"""
