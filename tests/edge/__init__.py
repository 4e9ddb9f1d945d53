"""Decoding, credentials, limits and replies of the edge, without a server."""
