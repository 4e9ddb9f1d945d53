"""The web pages below `/app/`. The edge processes serve them, and import this package at the first request for one."""
