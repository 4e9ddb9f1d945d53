"""trackway: a self-hosted event server that speaks Mixpanel's HTTP ingestion API."""

__version__ = "0.1.0"
