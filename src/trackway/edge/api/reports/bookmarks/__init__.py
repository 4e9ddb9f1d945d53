"""Bookmarks: a question as a JSON document, as Mixpanel's pages save it and its SDK sends it (docs/reports.md)."""
