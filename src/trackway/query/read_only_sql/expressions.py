"""The rules of expressions: what gives a value."""

import re
from collections.abc import Callable
from typing import Any, Final

from sqlglot import exp

from trackway.query.read_only_sql.clauses import window_body
from trackway.query.read_only_sql.functions import function_name
from trackway.query.read_only_sql.names import quoted
from trackway.query.read_only_sql.parser import source_text
from trackway.query.read_only_sql.refusal import SqlRefused
from trackway.query.read_only_sql.types import type_name
from trackway.query.read_only_sql.writer import Rule, Rules, Writer

Write = Callable[[Writer, Any], str]
_NUMBER: Final = re.compile(r"[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?|\.[0-9]+([eE][+-]?[0-9]+)?")
_OPERATORS: Final = {
    exp.EQ: "=",
    exp.NEQ: "!=",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.Add: "+",
    exp.Sub: "-",
    exp.Mul: "*",
    exp.Div: "/",
    exp.IntDiv: "DIV",
    exp.Mod: "%",
    exp.DPipe: "||",
}
_COMPARISONS: Final = frozenset(
    (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Like, exp.ILike, exp.In, exp.Is, exp.Between, exp.Not)
)
"""`NOT` too: `a NOT IN b` is a `Not` of the tree."""
_MATCHES: Final = {exp.Like: "LIKE", exp.ILike: "ILIKE"}
_UNITS: Final = {
    each.upper(): f"toInterval{each}"
    for each in ["Second", "Minute", "Hour", "Day", "Week", "Month", "Quarter", "Year"]
}


def _window(w: Writer, node: exp.Window) -> str:
    over = node.args.get("alias")
    written = quoted(over.name) if isinstance(over, exp.Identifier) else f"({window_body(w, node)})"
    return f"{w.expression(node.this)} OVER {written}"


def _function(w: Writer, node: exp.Func) -> str:
    name = node.this if isinstance(node.this, str) else node.name
    return f"{function_name(name)}({', '.join(w.argument(each) for each in node.expressions)})"


def _parametric(w: Writer, node: exp.Func) -> str:
    return f"{_function(w, node)}({', '.join(w.argument(each) for each in node.args['params'])})"


def _column(w: Writer, node: exp.Column) -> str:
    table = f"{quoted(node.args['table'].name)}." if node.args.get("table") is not None else ""
    if type(node.this) is exp.Star:
        return table + w.expression(node.this)
    if type(node.this) is not exp.Identifier:
        raise SqlRefused("t.1 is not allowed: write tupleElement(t, 1)")
    return table + quoted(node.name)


def _star(w: Writer, node: exp.Star) -> str:
    left_out = node.args.get("except_") or []
    return f"* EXCEPT ({', '.join(quoted(each.name) for each in left_out)})" if left_out else "*"


def _literal(w: Writer, node: exp.Literal) -> str:
    if node.is_string:
        return w.text(node.this)
    if not _NUMBER.fullmatch(node.this):
        raise SqlRefused(f"{node.this[:80]!r} is no number")
    return str(node.this)


def _side(w: Writer, node: Any) -> str:
    """What an operator compares or adds. The store goes through comparisons from left to right, and sqlglot does not:
    a person may have meant either."""
    if type(node) in _COMPARISONS:
        raise SqlRefused(f"write parentheses around {source_text(node)[:80]!r}: it stands beside another comparison")
    return w.expression(node)


def _in(w: Writer, node: exp.In) -> str:
    if (query := node.args.get("query")) is not None:
        inner = query.this if type(query) is exp.Subquery else query
        return f"({_side(w, node.this)} IN ({w.query(inner)}))"
    values = node.expressions
    if not values or any(each.find(exp.Column, exp.Identifier, exp.Star) for each in values):
        raise SqlRefused("IN needs a list of constants, or (SELECT …)")
    return f"({_side(w, node.this)} IN ({w.expressions(values)}))"


def _is(w: Writer, node: exp.Is) -> str:
    if type(node.expression) is not exp.Null:
        raise SqlRefused("IS needs NULL")
    return f"({_side(w, node.this)} IS NULL)"


def _case(w: Writer, node: exp.Case) -> str:
    whole = f" {w.expression(node.this)}" if node.args.get("this") is not None else ""
    ifs = "".join(
        f" WHEN {w.expression(each.this)} THEN {w.expression(each.args['true'])}" for each in node.args["ifs"]
    )
    otherwise = f" ELSE {w.expression(last)}" if (last := node.args.get("default")) is not None else ""
    return f"CASE{whole}{ifs}{otherwise} END"


def _interval(w: Writer, node: exp.Interval) -> str:
    unit, amount = node.args.get("unit"), node.this
    name = _UNITS.get(unit.name.upper().removesuffix("S")) if isinstance(unit, exp.Var) else None
    if name is None:
        raise SqlRefused(f"INTERVAL needs a number and one of {', '.join(_UNITS)}")
    if isinstance(amount, exp.Literal) and amount.is_string:  # sqlglot makes a text of the number
        amount = exp.Literal.number(amount.this.strip())
    return f"{name}({w.expression(amount)})"


def _connected(word: str) -> Write:
    # Long conditions are chains, which would be too many levels.
    return lambda w, node: f"({f' {word} '.join(w.expression(each) for each in node.flatten())})"


def _operator(word: str) -> Write:
    return lambda w, node: f"({_side(w, node.this)} {word} {_side(w, node.expression)})"


def _matched(word: str) -> Write:
    return lambda w, node: _operator(f"NOT {word}" if node.args.get("negate") else word)(w, node)


_CALLED: Final = Rule(("this", "expressions"), _function)
_CALLED_WITH_PARAMETERS: Final = Rule(("this", "expressions", "params"), _parametric)
EXPRESSIONS: Final[Rules] = {
    exp.Alias: Rule(("this", "alias"), lambda w, node: f"{w.expression(node.this)} AS {quoted(node.alias)}"),
    exp.And: Rule(("this", "expression"), _connected("AND")),
    exp.Or: Rule(("this", "expression"), _connected("OR")),
    exp.Not: Rule(("this",), lambda w, node: f"(NOT {w.expression(node.this)})"),
    exp.Neg: Rule(("this",), lambda w, node: f"(- {_side(w, node.this)})"),
    exp.Paren: Rule(("this",), lambda w, node: f"({w.expression(node.this)})"),
    exp.Between: Rule(
        ("this", "low", "high"),
        lambda w, node: "({} BETWEEN {} AND {})".format(
            *(_side(w, node.args[each]) for each in ("this", "low", "high"))
        ),
    ),
    exp.In: Rule(("this", "expressions", "query"), _in),
    exp.Is: Rule(("this", "expression"), _is),
    exp.Exists: Rule(("this",), lambda w, node: f"EXISTS ({w.query(node.this)})"),
    exp.Subquery: Rule(("this",), lambda w, node: f"({w.query(node.this)})"),
    exp.Case: Rule(("this", "ifs", "default"), _case),
    exp.If: Rule(
        ("this", "true", "false"),
        lambda w, node: f"if({', '.join(w.expression(node.args[each]) for each in ('this', 'true', 'false'))})",
    ),
    exp.Cast: Rule(("this", "to"), lambda w, node: f"CAST({w.expression(node.this)} AS {type_name(node.args['to'])})"),
    exp.Interval: Rule(("this", "unit"), _interval),
    exp.Bracket: Rule(
        ("this", "expressions"), lambda w, node: f"{w.expression(node.this)}[{w.expressions(node.expressions)}]"
    ),
    exp.Array: Rule(("expressions",), lambda w, node: f"[{w.expressions(node.expressions)}]"),
    exp.Tuple: Rule(("expressions",), lambda w, node: f"({w.expressions(node.expressions)})"),
    exp.Column: Rule(("this", "table"), _column),
    exp.Identifier: Rule(("this", "quoted"), lambda w, node: quoted(node.name)),  # of a lambda
    exp.Star: Rule(("except_",), _star),
    exp.Literal: Rule(("this", "is_string"), _literal),
    exp.Null: Rule((), lambda w, node: "NULL"),
    exp.Boolean: Rule(("this",), lambda w, node: "true" if node.this else "false"),
    exp.Window: Rule(("this", "partition_by", "order", "spec", "alias", "over"), _window),
    exp.Anonymous: _CALLED,
    exp.AnonymousAggFunc: _CALLED,
    exp.CombinedAggFunc: _CALLED,
    exp.ParameterizedAgg: _CALLED_WITH_PARAMETERS,
    exp.CombinedParameterizedAgg: _CALLED_WITH_PARAMETERS,
    # `typed` and `safe` say how other dialects differ.
    **{kind: Rule(("this", "expression", "typed", "safe"), _operator(word)) for kind, word in _OPERATORS.items()},
    **{kind: Rule(("this", "expression", "negate"), _matched(word)) for kind, word in _MATCHES.items()},
}
"""By kind of node. The only ones of functions are those that sqlglot does not know."""
