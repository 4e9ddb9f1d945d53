"""The published API documents against a running server."""
