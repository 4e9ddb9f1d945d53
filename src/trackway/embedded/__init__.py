"""The embedded store: ClickHouse's engine (chDB) behind ClickHouse's HTTP interface, in a process of our own."""
