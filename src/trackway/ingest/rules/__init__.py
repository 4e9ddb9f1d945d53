"""The rules of one record: an event, a profile update, a link, and the values in them (protocol §4 to §6)."""
