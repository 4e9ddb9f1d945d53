"""Fields of the forms of reports, as an address holds them. All of them are bounded."""

from collections.abc import Collection

from starlette.datastructures import QueryParams

from trackway.domain.errors import RequestError
from trackway.web.limits import FILTER_CHARACTERS_MAX


def choice_of(query: QueryParams, name: str, choices: Collection[str], default: str) -> str:
    """One of some words. Raises RequestError 400 for any other."""
    return one_of(name, query.get(name, default), choices)


def one_of(name: str, text: str, choices: Collection[str]) -> str:
    """The text, if it is a choice. Raises RequestError 400, naming the field."""
    if text not in choices:
        raise RequestError(400, f"{name} must be one of {', '.join(choices)}")
    return text


def text_of(query: QueryParams, name: str) -> str:
    """A name or value, '' where there is none. It keeps its blanks, as events do. Raises RequestError 400 for a longer
    one than any event has."""
    return _bounded(name, query.get(name, ""))


def texts_of(query: QueryParams, name: str) -> list[str]:
    """All values of a field, in order. Raises RequestError 400."""
    return [_bounded(name, each) for each in query.getlist(name)]


def _bounded(name: str, text: str) -> str:
    if len(text) > FILTER_CHARACTERS_MAX:
        raise RequestError(400, f"{name} must have at most {FILTER_CHARACTERS_MAX} characters")
    return text


def number_of(text: str, name: str) -> int:
    """A whole number above 0. Raises RequestError 400, naming the field."""
    if not text.isascii() or not text.isdigit() or len(text) > 9 or not int(text):
        raise RequestError(400, f"{name} must be a whole number above 0, not {text[:40]!r}")
    return int(text)
