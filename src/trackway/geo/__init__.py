"""Where an address or a pair of coordinates is: a city database in, places out (protocol §4).

Nothing here keeps or logs an address. The record rules (`ingest.location`) decide whose address counts and what a place
becomes in an event or a profile; they know `place` only.
"""
