"""The wire contract, row by row: recorded requests and tables against a running server."""
