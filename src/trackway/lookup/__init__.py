"""Lookup tables: a CSV replaces a table as a whole, or not at all (protocol §13)."""
