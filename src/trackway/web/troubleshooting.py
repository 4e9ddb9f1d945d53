"""Advice on rejected records: from a reason to a sentence for the person who can correct it.

Reasons are the rules' own sentences, with names from clients in quotes. These names are removed before the search in
the table. The first match counts.
"""

import re
from typing import Final, Literal

Kind = Literal["token", "region", "time", "identity", "size", "form"]

_QUOTED: Final = re.compile(r"'[^']*'")
_ADVICE: Final[tuple[tuple[str, Kind, str], ...]] = (
    (
        "belongs to region",
        "region",
        "Point the SDK at the server that the reason names. Nothing of the record is kept here.",
    ),
    ("token, unknown", "token", "Put this project's token (Settings) into the SDK; then send these records again."),
    ("token, missing", "token", "Give the SDK this project's token (Settings); then send these records again."),
    (
        "must not be older than",
        "time",
        "Send old events to /import. Sending these again imports them with their old time.",
    ),
    (
        "must not be in the future",
        "time",
        "The client's clock is ahead, or time is not in seconds or milliseconds. Send these again after that time, or "
        "remove properties.time: then the time of arrival counts.",
    ),
    ("must not be before 1971", "time", "time must be seconds or milliseconds since 1970; often it is 0, or in days."),
    (
        "must be specified as seconds",
        "time",
        "time must be a number of seconds or milliseconds since 1970, not a date.",
    ),
    ("distinct_id, missing", "identity", "Name the user: set distinct_id, or for a profile $distinct_id."),
    (
        "which stands for no one",
        "identity",
        "The app sends a placeholder where it knows no user. Omit the id in that case.",
    ),
    (
        "which identifies nothing",
        "identity",
        "The app sends a placeholder as $insert_id. Omit it, or generate one.",
    ),
    (
        "alphanumeric or hyphen",
        "identity",
        "$insert_id must be at most 36 letters, digits and hyphens, for example a UUID.",
    ),
    ("operation, missing", "form", "A profile update needs an operation, such as $set."),
    ("must not be longer", "size", "Shorten it, or omit it."),
    ("must have fewer", "size", "Send fewer properties: group related ones in an object."),
    ("must not have more", "size", "Send fewer elements at once."),
    ("nested", "size", "Flatten the value: objects and lists may be nested three deep."),
    ("not valid json", "form", "The body is not valid JSON. The reason names the byte."),
    ("must be a json", "form", "The body must be a JSON object or a list of them."),
    ("utf8", "form", "The client must send UTF-8."),
    ("event, missing", "form", 'Name the event: a text under "event".'),
    ("must not be missing", "form", "Add the field that the reason names."),
    ("missing or empty", "form", "Add the field that the reason names."),
    ("must be a", "form", "Send the field that the reason names in the form it asks for."),
    (
        "the store cannot hold it",
        "form",
        "The store refused the record. The page shows its stored form, which cannot be sent again.",
    ),
)
_OTHERWISE: Final = "Change the field that the reason names, and send the record again."


def advice(reason: str) -> str:
    """The advice for a reason."""
    found = _found(reason)
    return found[1] if found else _OTHERWISE


def kind(reason: str) -> Kind | None:
    """The kind of a reason. None for a general reason."""
    found = _found(reason)
    return found[0] if found else None


def _found(reason: str) -> tuple[Kind, str] | None:
    bare = _QUOTED.sub("", reason).lower()
    return next(((about, text) for words, about, text in _ADVICE if words in bare), None)
