"""The SQL of queries against a real store."""
