"""The web pages: what came in and what became of it, server-rendered, below /app/."""
