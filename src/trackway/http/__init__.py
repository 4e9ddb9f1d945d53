"""The HTTP server: uvicorn on a shared socket, with the bounds that it lacks."""
