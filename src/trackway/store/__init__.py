"""The store: ClickHouse, either a server elsewhere or the engine inside a process of our own.

`server` is that process, `client.Store` is what everybody else uses, `migrate` makes the tables.
"""
