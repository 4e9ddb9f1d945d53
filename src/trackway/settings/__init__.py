"""The settings: one table, and where their values come from."""
