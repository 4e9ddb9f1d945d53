"""Deduplication and loading: against a model, and against a real journal and store."""
