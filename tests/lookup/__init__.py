"""Lookup tables: the rules of their CSV, and what becomes of them in the store."""
