"""Broken, hostile and random requests: never a 5xx, never a crash, never more memory than allowed."""
