"""The benchmarks: `python -m bench` measures a real `trackway serve` and prints one table.

A plan (how much, how often) goes in; each round starts a server on a fresh data directory, sends to it over HTTP and
asks it over HTTP; figures leave as a table, as JSON, and on request as a section of docs/benchmarks.md. A figure that
depends on the machine stands beside one that was taken in the same round without the server, and their ratio is what
can be compared between machines.
"""
