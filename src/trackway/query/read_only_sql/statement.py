"""A person's statement written anew, as a whole."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlglot import exp

from trackway.query.read_only_sql.clauses import CLAUSES
from trackway.query.read_only_sql.expressions import EXPRESSIONS
from trackway.query.read_only_sql.parser import source_text
from trackway.query.read_only_sql.refusal import TOO_DEEP, SqlRefused
from trackway.query.read_only_sql.writer import Writer


class Written(NamedTuple):
    """A statement and the values that it binds. `names`: of its columns as the person wrote them, None where `*` is
    among them. `is_select`: settings may follow; they do not after UNION."""

    sql: str
    parameters: dict[str, Any]
    names: list[str] | None
    is_select: bool


def write(tree: exp.Expr, views: Mapping[str, str]) -> Written:
    """The statement for a tree. `views`: by name, a query's text. Raises SqlRefused."""
    writer = Writer(views, CLAUSES, EXPRESSIONS)
    try:
        sql = writer.query(tree)
    except RecursionError as error:
        raise SqlRefused(TOO_DEEP) from error
    return Written(sql, writer.parameters, _names(tree), isinstance(tree, exp.Select))


def _names(tree: exp.Expr) -> list[str] | None:
    while isinstance(tree, exp.SetOperation | exp.Subquery):
        tree = tree.this
    shown = tree.expressions
    if any(each.is_star for each in shown):
        return None
    return [each.alias_or_name if type(each) in (exp.Alias, exp.Column) else source_text(each) for each in shown]
