"""The journal as segment files on this machine's disk. `docs/journal-format.md` is the contract."""
