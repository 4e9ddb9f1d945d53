"""Moving events and profiles in and out by files: a client of the HTTP API, in the process of a command.

`sources` opens files, `formats` and `readers` make records of their bytes, `shapes` makes what the API takes of a
record, and `importing` sends it. Nothing here reaches the store or the journal: the server judges and stores.
"""
