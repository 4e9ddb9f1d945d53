"""The real SDKs against a running server."""
