"""SQL for values that the store holds as JSON text: a member of an object, an element of a list.

A *raw* is an expression of type String: the JSON text of one value as the store writes it, '' if there is none. Its
first character shows its kind. Names come in as SQL of bound parameters, so that no text of a client is here.
"""

from typing import NamedTuple, Protocol

from trackway.query.expressions.values import Kind

# The words of a JSON text. A string is one word, so that digits within it are not taken for a number.
_WORDS = r"""'"(?:[^"\\\\]|\\\\.)*"|-?[0-9][0-9.eE+-]*|[^"0-9-]+|-'"""
_FITTING = (
    "multiIf(_w < '-' OR _w >= ':' OR _w = '-', _w, NOT isFinite(toFloat64OrZero(_w)), 'null', "
    "match(_w, '[.eE]'), _w, concat(_w, 'e0'))"
)


class Raws(Protocol):
    """A source of raws by name."""

    def raw(self, name: str) -> str:
        """The raw of the value with that name."""
        ...

    def elements(self, name: str) -> str:
        """The raws of the elements of the value with that name, none if it is no list."""
        ...


class JsonColumn(NamedTuple):
    """The members of a String column of JSON objects, which `readable` has made."""

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
    """A String column of JSON texts in a form that the engine can parse. A subquery should select it once, under a new
    name.

    The engine's parser accepts no whole number beyond 64 bits and no double beyond 1.8e308. If a text has one, it finds
    nothing in the whole text. In these few rows such numbers become doubles (or null). For all other rows the words of
    the empty text are searched: the engine evaluates both branches of an `if` for every row where its result is used
    in another `if` (findings/if-within-if.sh), and the words of whole texts take 35 µs a row.
    """
    valid = f"({column} = '' OR isValidJSON({column}))"
    unreadable = f"if({valid}, '', {column})"
    return f"if({valid}, {column}, {_with_doubles(unreadable)})"


def raw_in(column: str, name: str) -> str:
    """The raw of a member in a String column of JSON texts as they are stored: that of its `readable` form.

    The text of a row that has the member is parsed once. Only a text in which nothing is found may be unreadable.
    """
    found = f"JSONExtractRaw({column}, {name})"
    rest = f"if({found} = '', {column}, '')"
    unreadable = f"if({rest} = '' OR isValidJSON({rest}), '', {rest})"
    return f"if({unreadable} = '', {found}, JSONExtractRaw({_with_doubles(unreadable)}, {name}))"


def raw_in_readable(column: str, name: str) -> str:
    """The same where the engine can parse all texts. At any other text in which nothing is found the statement fails
    with VALUE_REFUSED. The engine takes 10 ms longer to analyse a statement with `raw_in`.
    """
    found = f"JSONExtractRaw({column}, {name})"
    unreadable = f"{column} != '' AND {found} = '' AND NOT isValidJSON(if({found} = '', {column}, ''))"
    return f"if(throwIf({unreadable}, 'a text is not readable') = 0, {found}, '')"


def _with_doubles(text: str) -> str:
    """A JSON text in which the engine can parse every number."""
    return f"arrayStringConcat(arrayMap(_w -> {_FITTING}, extractAll({text}, {_WORDS})))"


def of_raw(raw: str, kind: Kind) -> str | None:
    """The SQL of a raw's value if it is of `kind`, else NULL; None for kinds that JSON does not have."""
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
    """The double of a number's raw. The engine writes 1e20 as a whole number, and then cannot parse it."""
    whole = f"length({raw}) > 18 AND NOT match({raw}, '[.eE]')"
    return f"JSONExtractFloat(if({whole}, concat({raw}, 'e0'), {raw}))"


def named(name: str, value: str, sql: str) -> str:
    """SQL that uses a value several times under a name. The engine analyses the value's SQL once, and a statement stays
    short: a list within a list within a condition would be there thirty times."""
    return f"arrayMap({name} -> {sql}, [{value}])[1]"


def elements(raw: str) -> str:
    """The raws of the elements of a list; none if it is no list."""
    return named("_text", raw, f"JSONExtractArrayRaw({readable('_text')})")


def equal_elements(left: str, right: str) -> str:
    """Whether the elements of two lists are equal one by one. Lists and objects within a list are equal to nothing."""
    plain = f"_r -> if({is_raw('_r', Kind.NUMBER)}, toString({_float('_r')} + 0.), _r)"
    nested = f"arrayExists(_r -> {is_raw('_r', Kind.LIST)} OR {is_raw('_r', Kind.OBJECT)}, {left})"
    return f"(arrayMap({plain}, {left}) = arrayMap({plain}, {right}) AND NOT {nested})"
