"""The durable log of accepted requests: several processes append, one reads, and a 200 waits for its sync.

`recovery.recover` comes first, once, before any other process; then `commit.GroupCommit` over `writer.Writer` in each
edge process, `reader.Reader` and `removal.remove_loaded` in the loader. `docs/journal-format.md` is the document.
"""
