"""The fast path through the rules for events with the same properties, as SDKs send them."""
