"""SQL for values that lie in the store as JSON text: a member of an object, an element of a list.

A *raw* is an expression of type String: the JSON text of one value as the store writes it, '' where there is none. Its
first character tells its kind. Names come in as SQL of bound parameters, so that no text of a client stands here.
"""

from typing import NamedTuple, Protocol

from trackway.query.expressions.values import Kind

# The words of a JSON text, kept apart so that a number is never looked for within a string.
_WORDS = r"""'"(?:[^"\\\\]|\\\\.)*"|-?[0-9][0-9.eE+-]*|[^"0-9-]+|-'"""
_FITTING = (
    "multiIf(_w < '-' OR _w >= ':' OR _w = '-', _w, NOT isFinite(toFloat64OrZero(_w)), 'null', "
    "match(_w, '[.eE]'), _w, concat(_w, 'e0'))"
)


class Raws(Protocol):
    """Where values lie by name."""

    def raw(self, name: str) -> str:
        """The raw of the value with that name."""
        ...

    def elements(self, name: str) -> str:
        """The raws of its elements, none if it is no list."""
        ...


class JsonColumn(NamedTuple):
    """The members of a String column of JSON objects, as `readable` makes it."""

    column: str

    def raw(self, name: str) -> str:
        return f"JSONExtractRaw({self.column}, {name})"

    def elements(self, name: str) -> str:
        return f"JSONExtractArrayRaw({self.column}, {name})"


class MapColumn(NamedTuple):
    """The values of a Map(String, String) column of raws."""

    column: str

    def raw(self, name: str) -> str:
        return f"{self.column}[{name}]"

    def elements(self, name: str) -> str:
        return elements(self.raw(name))


def readable(column: str) -> str:
    """A String column of JSON texts as the engine can read them; a subquery should select it once, under a new name.

    The engine's parser takes no whole number beyond 64 bits and no double beyond 1.8e308, and then finds nothing in the
    whole text. In the few rows where that is so, these numbers are written as doubles (or null).
    """
    return f"if(isValidJSON({column}), {column}, {_mended(column)})"


def _mended(text: str) -> str:
    """A JSON text of which every number can be read."""
    return f"arrayStringConcat(arrayMap(_w -> {_FITTING}, extractAll({text}, {_WORDS})))"


def of_raw(raw: str, kind: Kind) -> str | None:
    """The SQL of a raw's value where it is of `kind`, NULL elsewhere; None for kinds that JSON does not have."""
    is_kind = is_raw(raw, kind)
    match kind:
        case Kind.BOOLEAN:
            return f"if({is_kind}, {raw} = 'true', NULL)"
        case Kind.NUMBER:
            return f"if({is_kind}, {_float(raw)}, NULL)"
        case Kind.STRING:
            return f"if({is_kind}, JSONExtractString({raw}), NULL)"
        case Kind.LIST:
            return f"if({is_kind}, {raw}, NULL)"
        case Kind.OBJECT | Kind.NULL:
            return f"if({is_kind}, true, NULL)"
    return None


def is_raw(raw: str, kind: Kind) -> str:
    """Whether a raw is of a kind."""
    match kind:
        case Kind.UNDEFINED:
            return f"({raw} = '')"
        case Kind.NULL:
            return f"({raw} = 'null')"
        case Kind.BOOLEAN:
            return f"({raw} IN ('true', 'false'))"
        case Kind.NUMBER:
            return f"({raw} >= '-' AND {raw} < ':')"
    return f"startsWith({raw}, '{_OPENING[kind]}')" if kind in _OPENING else "false"


_OPENING = {Kind.STRING: '"', Kind.LIST: "[", Kind.OBJECT: "{"}


def _float(raw: str) -> str:
    """The double of a number's raw; the engine writes 1e20 as a whole number, and then would not read it."""
    whole = f"length({raw}) > 18 AND NOT match({raw}, '[.eE]')"
    return f"JSONExtractFloat(if({whole}, concat({raw}, 'e0'), {raw}))"


def elements(raw: str) -> str:
    """The raws of the elements of a list; none where it is no list."""
    return f"JSONExtractArrayRaw({readable(raw)})"


def equal_elements(left: str, right: str) -> str:
    """Whether the elements of two lists are equal one by one; lists and objects within a list equal nothing."""
    plain = f"_r -> if({is_raw('_r', Kind.NUMBER)}, toString({_float('_r')} + 0.), _r)"
    nested = f"arrayExists(_r -> {is_raw('_r', Kind.LIST)} OR {is_raw('_r', Kind.OBJECT)}, {left})"
    return f"(arrayMap({plain}, {left}) = arrayMap({plain}, {right}) AND NOT {nested})"
