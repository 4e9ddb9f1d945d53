"""`/track`, `/import`, `/engage` and `/groups`: from the request's bytes to the journal and back to a reply."""
