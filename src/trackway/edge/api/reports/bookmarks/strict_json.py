"""JSON of a known form: a parameter's text becomes a struct, and a field that is not known is a 400 that names it.

Such a field may change what is counted, so it is never passed over. The refusals have pydantic's wording, because
clients of the Query API read that.
"""

import re
from typing import Any, Final, TypeVar

import msgspec

from trackway.domain.errors import RequestError

Document = TypeVar("Document")

_WORDINGS: Final = (
    (re.compile(r"Object contains unknown field `(.*?)`", re.DOTALL), "Extra inputs are not permitted"),
    (re.compile(r"Object missing required field `(.*?)`"), "Field required"),
)
_AT: Final = re.compile(r" - at `(?:key in )?\$(.*)`\Z", re.DOTALL)
_INDEX: Final = re.compile(r"\[([0-9.]+)\]")


def strict_json(text: str, type: type[Document], name: str) -> Document:
    """A parameter's JSON as a struct. Raises RequestError 400 that names the field by its path below `name`."""
    try:
        return msgspec.json.decode(text, type=type)
    except msgspec.ValidationError as error:
        raise _refusal(str(error), name) from error
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise RequestError(400, f"{name} must be JSON: {error}") from error


def converted(value: Any, type: type[Document], name: str) -> Document:
    """The same for a value that was read from JSON."""
    try:
        return msgspec.convert(value, type)
    except msgspec.ValidationError as error:
        raise _refusal(str(error), name) from error


def not_built(path: str, value: object) -> RequestError:
    """The refusal of what is known of Mixpanel and not built here."""
    return RequestError(400, f"{path} {repr(value)[:80]} is not supported")


def _refusal(message: str, name: str) -> RequestError:
    """`Expected `str`, got `int` - at `$.show[0].type`` becomes `Expected `str`, got `int` at name.show.0.type`."""
    place = _AT.search(message)
    path = name + (_INDEX.sub(r".\1", place[1]) if place else "")
    message = _AT.sub("", message)
    for pattern, wording in _WORDINGS:
        if found := pattern.fullmatch(message):
            message, path = wording, f"{path}.{found[1][:80]}"
    return RequestError(400, f"{message} at {path[:400]}")
