"""The bytes of requests and replies: ASGI, encodings, parameters, streams, and each reply's text."""
