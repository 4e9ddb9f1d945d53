"""The place of an address or of coordinates, from a city database (protocol §4).

Nothing here keeps or logs an address. The record rules (`ingest.rules.location`) decide which address counts and which
properties a place becomes; they import `place` only.
"""
