"""The rules of clauses: what may stand at one place alone, such as after FROM or ORDER BY."""

from typing import Any, Final

from sqlglot import exp

from trackway.query.read_only_sql.names import quoted
from trackway.query.read_only_sql.refusal import SqlRefused
from trackway.query.read_only_sql.writer import Rule, Rules, Writer, alias_of
from trackway.query.sql.tables import rows_from

_STRICTNESS: Final = ("ALL", "ASOF")
_JOINS: Final = frozenset((*_STRICTNESS, "INNER", "LEFT", "RIGHT", "FULL", "OUTER", "CROSS"))
_SET_OPERATIONS: Final = {exp.Union: "UNION", exp.Except: "EXCEPT", exp.Intersect: "INTERSECT"}
_FRAME: Final = ("UNBOUNDED", "CURRENT ROW")
_MODIFIERS: Final = ("from_", "joins", "where", "group", "having", "windows", "qualify", "order", "limit", "offset")


def _select(w: Writer, node: exp.Select) -> str:
    part = node.args
    with w.with_parts(part.get("with_")) as head:
        distinct = part.get("distinct")
        if distinct is not None:
            w.check(distinct, ())
        sql = f"{head}SELECT {'DISTINCT ' if distinct is not None else ''}{w.expressions(node.expressions)}"
        sql += w.optional("FROM", part.get("from_"))
        sql += "".join(w.clause(each) for each in part.get("joins") or ())
        sql += w.optional("WHERE", part.get("where"))
        sql += w.optional("GROUP BY", part.get("group"))
        sql += w.optional("HAVING", part.get("having"))
        if windows := part.get("windows"):
            sql += f" WINDOW {', '.join(w.clause(each) for each in windows)}"
        sql += w.optional("QUALIFY", part.get("qualify"))
        sql += w.optional("ORDER BY", part.get("order"))
        sql += w.optional("LIMIT", part.get("limit"))
        return sql + w.optional("OFFSET", part.get("offset"))


def _set_operation(w: Writer, node: exp.SetOperation) -> str:
    with w.with_parts(node.args.get("with_")) as head:
        kind = "DISTINCT" if node.args.get("distinct") else "ALL"
        operator = _SET_OPERATIONS[type(node)] + (f" {kind}" if type(node) is exp.Union or kind == "DISTINCT" else "")
        joined = f"({w.query(node.this)}) {operator} ({w.query(node.expression)})"
        return f"{head}SELECT * {rows_from(joined)}" if head else joined


def _join(w: Writer, node: exp.Join) -> str:
    side, kind = node.side.upper(), node.kind.upper()
    if kind == "ARRAY" and side in ("", "LEFT"):
        if node.args.get("on") or node.args.get("using"):
            raise SqlRefused("ARRAY JOIN has no condition")
        return f"{f' {side}' if side else ''} ARRAY JOIN {w.expressions([node.this, *node.expressions])}"
    words = [word for word in (side, kind) if word]  # sqlglot has ALL INNER as a side and a kind
    if not _JOINS.issuperset(words) or node.expressions:
        raise SqlRefused(f"{' '.join(words)} JOIN is not allowed: {', '.join(sorted(_JOINS))} are")
    words.sort(key=lambda word: word not in _STRICTNESS)
    sql = f" {' '.join((*words, 'JOIN'))} {w.source(node.this)}"
    if (using := node.args.get("using")) is not None:
        return f"{sql} USING ({', '.join(quoted(each.name) for each in using)})"
    return sql + (f" ON {w.expression(on)}" if (on := node.args.get("on")) is not None else "")


def _group(w: Writer, node: exp.Group) -> str:
    if node.args.get("all"):
        if node.expressions:
            raise SqlRefused("GROUP BY ALL names nothing else")
        return "ALL"
    return w.expressions(node.expressions)


def _ordered(w: Writer, node: exp.Ordered) -> str:
    descending = " DESC" if node.args.get("desc") else ""
    return w.expression(node.this) + descending + (" NULLS FIRST" if node.args.get("nulls_first") else "")


def _limit(w: Writer, node: exp.Limit) -> str:
    by = node.expressions
    return w.expression(node.expression) + (f" BY {w.expressions(by)}" if by else "")


def _named_window(w: Writer, node: exp.Window) -> str:
    return f"{quoted(node.name)} AS ({window_body(w, node)})"


def window_body(w: Writer, node: exp.Window) -> str:
    """What stands between the parentheses of a window."""
    parts = []
    if by := node.args.get("partition_by"):
        parts.append(f"PARTITION BY {w.expressions(by)}")
    if (order := node.args.get("order")) is not None:
        parts.append(f"ORDER BY {w.clause(order)}")
    if (spec := node.args.get("spec")) is not None:
        parts.append(w.clause(spec))
    return " ".join(parts)


def _frame(w: Writer, node: exp.WindowSpec) -> str:
    kind, start, end = (node.args.get(each) for each in ("kind", "start", "end"))
    if kind not in ("ROWS", "RANGE"):
        raise SqlRefused("a window's frame begins with ROWS or RANGE")
    first = _bound(w, start, node.args.get("start_side"))
    return f"{kind} BETWEEN {first} AND {_bound(w, end, node.args.get('end_side')) if end else 'CURRENT ROW'}"


def _bound(w: Writer, value: Any, side: Any) -> str:
    if value == "CURRENT ROW":
        return "CURRENT ROW"
    if side not in ("PRECEDING", "FOLLOWING"):
        raise SqlRefused("a window's frame ends with CURRENT ROW, or with a number PRECEDING or FOLLOWING")
    return f"{value if value in _FRAME else w.expression(value)} {side}"


def _lambda(w: Writer, node: exp.Lambda) -> str:
    return f"({', '.join(quoted(each.name) for each in node.expressions)}) -> {w.expression(node.this)}"


def _source(w: Writer, node: exp.Subquery) -> str:
    alias = alias_of(node)
    return f"({w.query(node.this)}){f' AS {alias}' if alias else ''}"


def _condition(w: Writer, node: exp.Expr) -> str:
    return w.expression(node.this)


_SET_OPERATION: Final = Rule(("with_", "this", "expression", "distinct"), _set_operation)
_CONDITION: Final = Rule(("this",), _condition)
CLAUSES: Final[Rules] = {
    exp.Select: Rule(("with_", "expressions", "distinct", *_MODIFIERS), _select),
    **dict.fromkeys(_SET_OPERATIONS, _SET_OPERATION),
    exp.From: Rule(("this",), lambda w, node: w.source(node.this)),
    exp.Table: Rule(("this", "alias", "db", "catalog"), Writer.table),
    exp.Subquery: Rule(("this", "alias"), _source),
    exp.Join: Rule(("this", "on", "using", "side", "kind", "expressions"), _join),
    exp.Where: _CONDITION,
    exp.Having: _CONDITION,
    exp.Qualify: _CONDITION,
    exp.Group: Rule(("expressions", "all"), _group),
    exp.Order: Rule(("expressions",), lambda w, node: ", ".join(w.clause(each) for each in node.expressions)),
    exp.Ordered: Rule(("this", "desc", "nulls_first"), _ordered),
    exp.Limit: Rule(("expression", "expressions"), _limit),
    exp.Offset: Rule(("expression",), lambda w, node: w.expression(node.expression)),
    exp.Window: Rule(("this", "partition_by", "order", "spec"), _named_window),
    exp.WindowSpec: Rule(("kind", "start", "start_side", "end", "end_side"), _frame),
    exp.Lambda: Rule(("this", "expressions"), _lambda),
    exp.Distinct: Rule(("expressions",), lambda w, node: f"DISTINCT {w.expressions(node.expressions)}"),
}
"""By kind of node."""
