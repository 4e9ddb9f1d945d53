"""SQL for values that lie in the store as JSON text: a member of an object, an element of a list.

A *raw* is an expression of type String: the JSON text of one value as the store writes it, '' where there is none. Its
first character tells its kind. Names come in as SQL of bound parameters, so that no text of a client stands here.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from trackway.query.expressions.values import Kind

REPEATED_CHARACTERS_MAX = 100
"""SQL up to this length may stand in a text more than once."""

# The words of a JSON text, kept apart so that a number is never looked for within a string.
_WORDS = r"""'"(?:[^"\\\\]|\\\\.)*"|-?[0-9][0-9.eE+-]*|[^"0-9-]+|-'"""
_FITTING = (
    "multiIf(_w < '-' OR _w >= ':' OR _w = '-', _w, NOT isFinite(toFloat64OrZero(_w)), 'null', "
    "match(_w, '[.eE]'), _w, concat(_w, 'e0'))"
)


def once(sql: str, name: str, body: Callable[[str], str]) -> str:
    """`body` of `sql`, in which a long `sql` stands only once, bound to `name`."""
    if len(sql) <= REPEATED_CHARACTERS_MAX:
        return body(sql)
    return f"arrayMap({name} -> {body(name)}, [{sql}])[1]"


class Raws(Protocol):
    """Where values lie by name. All that comes in and goes out is SQL."""

    def raw(self, name: str) -> str:
        """The raw of one value."""
        ...

    def whole(self) -> str:
        """What `raw_in` takes: to be found once for many values."""
        ...

    def raw_in(self, whole: str, name: str) -> str: ...


class JsonColumn(NamedTuple):
    """The members of a String column that holds JSON objects.

    The engine's parser takes no whole number beyond 64 bits and no double beyond 1.8e308, and then finds nothing in the
    whole object. Such rows are rare, so for one value they are looked for only where it was not found, and read with
    these numbers written as doubles (or null).
    """

    column: str

    def raw(self, name: str) -> str:
        found = self.raw_in(self.column, name)
        mended = self.raw_in(_mended(self.column), name)
        return f"if({found} = '' AND NOT isValidJSON({self.column}), {mended}, {found})"

    def whole(self) -> str:
        return f"if(isValidJSON({self.column}), {self.column}, {_mended(self.column)})"

    def raw_in(self, whole: str, name: str) -> str:
        return f"JSONExtractRaw({whole}, {name})"


class MapColumn(NamedTuple):
    """The values of a Map(String, String) column of raws."""

    column: str

    def raw(self, name: str) -> str:
        return self.raw_in(self.column, name)

    def whole(self) -> str:
        return self.column

    def raw_in(self, whole: str, name: str) -> str:
        return f"{whole}[{name}]"


def _mended(text: str) -> str:
    """A JSON text of which every number can be read."""
    return f"arrayStringConcat(arrayMap(_w -> {_FITTING}, extractAll({text}, {_WORDS})))"


def of_raw(raw: str, kind: Kind) -> str | None:
    """The SQL of a raw's value where it is of `kind`, NULL elsewhere; None for kinds that JSON does not have."""
    match kind:
        case Kind.BOOLEAN:
            return f"multiIf({raw} = 'true', true, {raw} = 'false', false, NULL)"
        case Kind.NUMBER:
            return f"if({raw} >= '-' AND {raw} < ':', {_float(raw)}, NULL)"
        case Kind.STRING:
            return f"""if(startsWith({raw}, '"'), JSONExtractString({raw}), NULL)"""
        case Kind.LIST:
            return f"multiIf(NOT startsWith({raw}, '['), NULL, isValidJSON({raw}), {raw}, {_mended(raw)})"
        case Kind.OBJECT:
            return f"if(startsWith({raw}, '{{'), true, NULL)"
        case Kind.NULL:
            return f"if({raw} = 'null', true, NULL)"
    return None


def _float(raw: str) -> str:
    """The double of a number's raw; the engine writes 1e20 as a whole number, and then would not read it."""
    whole = f"length({raw}) > 18 AND NOT match({raw}, '[.eE]')"
    return f"JSONExtractFloat(if({whole}, concat({raw}, 'e0'), {raw}))"


def elements(of: str) -> str:
    """The raws of the elements of a list, given as a raw or NULL; none where it is NULL."""
    return f"JSONExtractArrayRaw(ifNull({of}, ''))"


def equal_lists(left: str, right: str) -> str:
    """Whether two lists, raws or NULL, are equal element by element; lists and objects within equal nothing."""
    return once(left, "_l", lambda one: once(right, "_m", lambda other: _equal_lists(one, other)))


def _equal_lists(left: str, right: str) -> str:
    plain = f"_r -> if(_r >= '-' AND _r < ':', toString({_float('_r')} + 0.), _r)"
    sides = [f"arrayMap({plain}, {elements(side)})" for side in (left, right)]
    nested = f"arrayExists(_r -> startsWith(_r, '[') OR startsWith(_r, '{{'), {elements(left)})"
    return f"(isNotNull({left}) AND isNotNull({right}) AND {sides[0]} = {sides[1]} AND NOT {nested})"
