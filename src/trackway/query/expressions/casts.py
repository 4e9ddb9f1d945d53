"""SQL that casts a value to another kind or rounds it, NULL where that fails: the rules of `values.py` as SQL.

SQL comes in and SQL goes out. A client's value never does.
"""

from collections.abc import Callable, Iterable

from trackway.query.expressions.values import (
    DATETIME_PATTERN,
    DATETIME_SECONDS_MAX,
    UNDEFINED,
    Kind,
    Moment,
    moment_of_seconds,
    parse_moment,
)

REPEATED_CHARACTERS_MAX = 200
"""SQL up to this length may be repeated in a text."""

FALSE = "false"
_NUMERIC = r"^(?:[+]|(-))?0*([0-9]+)([.][0-9]+)?(?:[eE]([+-]?)([0-9]+))?$"
_AS_JSON = r"\1\2\3e\40\5"


def once(sql: str, name: str, body: Callable[[str], str]) -> str:
    """`body` of `sql`. A long `sql` comes only once in it, bound to `name`.

    The body must be short: the time that the engine takes to parse a function grows with the square of its length.
    """
    if len(sql) <= REPEATED_CHARACTERS_MAX:
        return body(sql)
    return f"arrayMap({name} -> {body(name)}, [{sql}])[1]"


def any_of(conditions: Iterable[str]) -> str:
    """Whether one of some conditions holds."""
    found = list(conditions)
    return found[0] if len(found) == 1 else f"({' OR '.join(found)})" if found else FALSE


def first_of(forms: Iterable[str | None]) -> str:
    """The first of some forms that is not NULL."""
    found = [form for form in forms if form is not None]
    return found[0] if len(found) == 1 else f"coalesce({', '.join(found)})" if found else "NULL"


def cast(sql: str, kind: Kind, to: Kind) -> str | None:
    """A value's SQL in another kind; None where no value of `kind` can be cast."""
    if kind is to:
        return sql
    match kind, to:
        case Kind.NUMBER, Kind.STRING:
            return _text_of_number(sql)
        case Kind.BOOLEAN, Kind.STRING:
            return f"toString(CAST({sql}, 'Nullable(Bool)'))"
        case Kind.STRING, Kind.NUMBER:
            return once(sql, "_s", _number_of_string)
        case Kind.BOOLEAN, Kind.NUMBER:
            return f"toFloat64({sql})"
        case Kind.DATETIME, Kind.NUMBER:
            return f"({sql} / 1000)"
        case Kind.NUMBER, Kind.BOOLEAN:
            return f"({sql} != 0)"
        case Kind.STRING, Kind.BOOLEAN:
            return once(sql, "_s", lambda s: f"multiIf({s} = 'true', true, {s} = 'false', false, NULL)")
    return None


def rounded(sql: str) -> str:
    """The nearest whole number, a half away from zero. The engine's own `round` takes a half to the even neighbour."""
    return f"(trunc({sql}) + if(abs({sql} - trunc({sql})) >= 0.5, sign({sql}), 0))"


def moment_of_literal(value: bool | float | str) -> str | None:
    """A literal as a datetime, computed once here instead of in every row; None if it is no datetime."""
    moment = parse_moment(value) if isinstance(value, str) else UNDEFINED
    if isinstance(value, float):
        moment = moment_of_seconds(value)
    return f"toInt64({moment.ms})" if isinstance(moment, Moment) else None


def moment_of_number(sql: str) -> str:
    """Milliseconds since the epoch from seconds."""
    bound = f"{DATETIME_SECONDS_MAX:.0f}"
    return once(sql, "_n", lambda n: f"if(abs({n}) <= {bound}, toInt64(round({n} * 1000)), NULL)")


def moment_of_string(sql: str) -> str:
    """Milliseconds since the epoch from a text that matches `DATETIME_PATTERN`."""
    groups = f"extractGroups(ifNull({sql}, ''), {_quoted(DATETIME_PATTERN)})"
    return f"arrayMap(_g -> {_moment_of_groups()}, [{groups}])[1]"


def _moment_of_groups() -> str:
    hour, minute, second, ahead_hour, ahead_minute = (f"toInt64OrZero(_g[{group}])" for group in (2, 3, 4, 7, 8))
    day = "toDate32OrNull(_g[1])"  # it turns 31 February into a day of March, and stops at the ends of its range
    fraction = "toInt64OrZero(substring(concat(_g[5], '000'), 1, 3))"
    ahead = f"if(_g[6] = '-', -1, 1) * ({ahead_hour} * 60 + {ahead_minute})"
    minutes = f"(toInt64(toInt32({day})) * 24 + {hour}) * 60 + {minute} - {ahead}"
    return f"if(_g[1] != '' AND toString({day}) = _g[1], ({minutes}) * 60000 + {second} * 1000 + {fraction}, NULL)"


def _number_of_string(sql: str) -> str:
    # Every number gets an exponent, because the JSON parser accepts no whole number beyond 64 bits without one.
    as_json = f"replaceRegexpOne({sql}, {_quoted(_NUMERIC)}, {_quoted(_AS_JSON)})"
    return f"if(match({sql}, {_quoted(_NUMERIC)}), JSONExtract({as_json}, 'Nullable(Float64)'), NULL)"


def _text_of_number(sql: str) -> str:
    # Minus zero is zero. Infinity and NaN have no text.
    text = f"toString({sql} + 0.)"
    for word in ("nan", "-nan", "inf", "-inf"):
        text = f"nullIf({text}, '{word}')"
    return text


def _quoted(pattern: str) -> str:
    escaped = pattern.replace("\\", "\\\\")
    assert "'" not in escaped, "a pattern of ours"
    return f"'{escaped}'"
