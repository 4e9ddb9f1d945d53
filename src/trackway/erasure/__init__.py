"""Erases persons: takes tasks from the projects database, and deletes what the store has of their ids."""
