"""The search for people by a text, as SQL: whether a profile's id, `$name` or `$email` contains it, in either case."""

from typing import Any, Final

from trackway.query.expressions import Kind, Scope, of_raw

_SEARCHED: Final = ("$name", "$email")


def search_sql(text: str, scope: Scope, parameters: dict[str, Any], name: str = "search") -> str:
    """Whether a profile of the scope is found. The text goes to `parameters`, under `name`."""
    parameters[name] = text
    raws = (scope.properties.raw(f"'{each}'") for each in _SEARCHED)
    searched = (scope.columns["$distinct_id"].sql, *(f"ifNull({of_raw(raw, Kind.STRING)}, '')" for raw in raws))
    return f"({' OR '.join(f'positionCaseInsensitiveUTF8({value}, {{{name}:String}}) > 0' for value in searched)})"
