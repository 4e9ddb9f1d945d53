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


class JsonColumn(NamedTuple):
    """The members of a String column that holds JSON objects.

    The engine's parser takes no whole number beyond 64 bits and no double beyond 1.8e308, and then finds nothing in the
    whole object. Such rows are rare, so they are looked for only where a name was not found, and read with these
    numbers written as doubles (or null).
    """

    column: str

    def raw(self, name: str) -> str:
        found = f"JSONExtractRaw({self.column}, {name})"
        mended = f"JSONExtractRaw({_mended(self.column)}, {name})"
        return f"if({found} = '' AND NOT isValidJSON({self.column}), {mended}, {found})"


class MapColumn(NamedTuple):
    """The values of a Map(String, String) column of raws."""

    column: str

    def raw(self, name: str) -> str:
        return f"{self.column}[{name}]"


class NamedRaws:
    """Raws that a subquery finds, each in a column of its own.

    Once the SQL of the expression is made, `columns` is what the subquery must select besides. It
    makes the SQL of long expressions short. (Names within one statement would not: the engine puts what is named in the
    place of each name before it looks for equal parts.)
    """

    def __init__(self, raws: Raws, prefix: str = "raw") -> None:
        self._raws = raws
        self._prefix = prefix
        self._names: dict[str, str] = {}

    def raw(self, name: str) -> str:
        return self._names.setdefault(self._raws.raw(name), f"_{self._prefix}_{len(self._names)}")

    @property
    def columns(self) -> list[str]:
        return [f"{raw} AS {name}" for raw, name in self._names.items()]


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
            return f"multiIf(NOT {is_kind}, NULL, isValidJSON({raw}), {raw}, {_mended(raw)})"
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


def elements(of: str) -> str:
    """The raws of the elements of a list, given as a raw or NULL; none where it is NULL."""
    return f"JSONExtractArrayRaw(ifNull({of}, ''))"


def equal_lists(left: str, right: str) -> str:
    """Whether two lists, raws or NULL, are equal element by element; lists and objects within equal nothing."""
    plain = f"_r -> if({is_raw('_r', Kind.NUMBER)}, toString({_float('_r')} + 0.), _r)"
    sides = [f"arrayMap({plain}, {elements(side)})" for side in (left, right)]
    nested = f"arrayExists(_r -> {is_raw('_r', Kind.LIST)} OR {is_raw('_r', Kind.OBJECT)}, {elements(left)})"
    return f"(isNotNull({left}) AND isNotNull({right}) AND {sides[0]} = {sides[1]} AND NOT {nested})"
