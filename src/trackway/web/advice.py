"""What to change about a rejected record: a reason comes in, a sentence for the person who can mend it leaves.

The reasons are the rules' own words, in which names that a client wrote stand in quotes; those are left out before the
table is looked through, first match first.
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
    ("must not be older than", "time", "Send old events to /import. To send these again as they are does just that."),
    (
        "must not be in the future",
        "time",
        "The client's clock is ahead, or time is not in seconds or milliseconds. Send these again once that time has "
        "come, or take properties.time out: then the time they arrived counts.",
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
        "The app sends a placeholder where it knows no user: leave the id out then.",
    ),
    (
        "which identifies nothing",
        "identity",
        "The app sends a placeholder as $insert_id: leave it out, or make one up.",
    ),
    ("alphanumeric or hyphen", "identity", "$insert_id must be at most 36 letters, digits and hyphens: a UUID is."),
    ("operation, missing", "form", "A profile update needs an operation, such as $set."),
    ("must not be longer", "size", "Shorten it, or leave it out."),
    ("must have fewer", "size", "Send fewer properties: put what belongs together into an object."),
    ("must not have more", "size", "Send fewer elements at once."),
    ("nested", "size", "Flatten the value: objects and lists may lie three deep."),
    ("not valid json", "form", "The body is no JSON: look at the byte that the reason names."),
    ("must be a json", "form", "The body must be a JSON object or a list of them."),
    ("utf8", "form", "The client must send UTF-8."),
    ("event, missing", "form", 'Name the event: a text under "event".'),
    ("must not be missing", "form", "Add the field that the reason names."),
    ("missing or empty", "form", "Add the field that the reason names."),
    ("must be a", "form", "Send the field that the reason names in the form it asks for."),
    (
        "the store cannot hold it",
        "form",
        "The store refused the record. What is shown is its stored form; it cannot be sent again.",
    ),
)
_OTHERWISE: Final = "Change the field that the reason names, and send the record again."


def advice(reason: str) -> str:
    """What to do about a reason."""
    found = _found(reason)
    return found[1] if found else _OTHERWISE


def kind(reason: str) -> Kind | None:
    """What a reason is about, None when that is nothing in particular."""
    found = _found(reason)
    return found[0] if found else None


def _found(reason: str) -> tuple[Kind, str] | None:
    bare = _QUOTED.sub("", reason).lower()
    return next(((about, text) for words, about, text in _ADVICE if words in bare), None)
