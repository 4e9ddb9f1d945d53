"""Backups of a running server, and their restore: the store's parts, the projects, and the key of erasures."""
