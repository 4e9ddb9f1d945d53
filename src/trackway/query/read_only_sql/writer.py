"""A statement written anew from its tree: one rule for each kind of node, and no rule for anything else.

Nothing of the person's text is in the result but names within quotes and numbers. Texts become bound parameters,
functions those of a list, and each table one of our views. So what the rules do not know cannot be asked: a kind of
node, and a part of a node, is refused unless it is named here.

The store looks for a table behind every name after FROM and JOIN and behind a single name after IN. The first two are
views or parts of WITH, which get names of our own; the last is refused. It also calls a lambda by its alias, wherever
the alias is seen, even in our views. So a lambda is nothing but an argument of a function.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlglot import exp

from trackway.query.limits import SQL_NODES_MAX, SQL_TEXTS_BYTES_MAX
from trackway.query.read_only_sql.names import of_cte, quoted
from trackway.query.read_only_sql.refusal import SqlRefused


class Rule(NamedTuple):
    """How a kind of node is written, and the parts that it may have."""

    parts: tuple[str, ...]
    write: Callable[["Writer", Any], str]


Rules = Mapping[type, Rule]


class Writer:
    """Writes the parts of one statement. Methods raise SqlRefused."""

    def __init__(self, views: Mapping[str, str], clauses: Rules, expressions: Rules) -> None:
        self.parameters: dict[str, Any] = {}
        self._views = views
        self._clauses = clauses
        self._expressions = expressions
        self._ctes: list[dict[str, str]] = [{}]
        """Parts of WITH that are seen here: by the person's name, the name that is written."""
        self._nodes = self._bytes = self._made = 0

    def query(self, node: exp.Expr) -> str:
        """A SELECT or what UNION and the like join, without parentheses."""
        if isinstance(node, exp.Select | exp.SetOperation):
            return self.clause(node)
        if type(node) is exp.Subquery and not node.args.get("alias"):
            return self.expression(node)
        raise SqlRefused(f"{called(node)} is not allowed: only SELECT is")

    def clause(self, node: Any) -> str:
        """A part that the one around it expects."""
        return self._ruled(node, self._clauses)

    def expression(self, node: Any) -> str:
        """A part that gives a value."""
        return self._ruled(node, self._expressions)

    def expressions(self, nodes: Any) -> str:
        return ", ".join(self.expression(each) for each in nodes)

    def argument(self, node: Any) -> str:
        """An argument of a function."""
        return self.clause(node) if type(node) in (exp.Lambda, exp.Distinct) else self.expression(node)

    def text(self, value: str) -> str:
        """A text as a bound parameter."""
        self._bytes += len(value.encode())
        if self._bytes > SQL_TEXTS_BYTES_MAX:
            raise SqlRefused(f"the texts of a query must have at most {SQL_TEXTS_BYTES_MAX} bytes together")
        name = f"text_{len(self.parameters)}"
        self.parameters[name] = value
        return f"{{{name}:String}}"

    def optional(self, head: str, node: Any) -> str:
        """A clause that need not be there, behind its keyword."""
        return "" if node is None else f" {head} {self.clause(node)}"

    @contextmanager
    def with_parts(self, with_: Any) -> Iterator[str]:
        """`WITH …` for a query; its parts are seen within the context."""
        if with_ is None:
            yield ""
            return
        self.check(with_, ("expressions",))
        self._ctes.append(dict(self._ctes[-1]))
        try:
            yield f"WITH {', '.join(self._cte(each) for each in with_.expressions)} "
        finally:
            self._ctes.pop()

    def source(self, node: Any) -> str:
        """What stands after FROM or JOIN."""
        if type(node) not in (exp.Table, exp.Subquery):
            raise SqlRefused(f"{called(node)} is not allowed after FROM: {self._known()}")
        return self.clause(node)

    def table(self, node: exp.Table) -> str:
        if node.args.get("db") or node.args.get("catalog"):
            raise SqlRefused(f"tables of databases, {node.sql('clickhouse')[:80]!r}, are not allowed: {self._known()}")
        if type(node.this) is not exp.Identifier:
            raise SqlRefused(f"table functions are not allowed: {self._known()}")
        name = node.name
        alias = alias_of(node) or quoted(name)
        if (cte := self._ctes[-1].get(name)) is not None:
            return f"{cte} AS {alias}"
        if (view := self._views.get(name)) is not None:
            return f"({view}) AS {alias}"
        raise SqlRefused(f"table {name[:80]!r} is not allowed: {self._known()}")

    def _cte(self, node: exp.CTE) -> str:
        self.check(node, ("this", "alias", "scalar"))
        self.check(node.args["alias"], ("this",))
        name = node.alias
        if node.args.get("scalar"):
            return f"{self.expression(node.this)} AS {quoted(name)}"
        written = f"({self.query(node.this)})"  # it does not see itself
        self._made += 1
        self._ctes[-1][name] = of_cte(self._made, name)
        return f"{self._ctes[-1][name]} AS {written}"

    def _ruled(self, node: Any, rules: Rules) -> str:
        rule = rules.get(type(node))
        if rule is None:
            raise SqlRefused(f"{called(node)} is not allowed here")
        self._nodes += 1
        if self._nodes > SQL_NODES_MAX:
            raise SqlRefused(f"query must have at most {SQL_NODES_MAX} parts")
        self.check(node, rule.parts)
        return rule.write(self, node)

    def check(self, node: exp.Expr, parts: tuple[str, ...]) -> None:
        """Refuse a node with a part that is not one of these."""
        for name, value in node.args.items():
            if name not in parts and value is not None and value is not False and value != []:
                raise SqlRefused(f"{name.strip('_').upper()} of {called(node)} is not allowed")

    def _known(self) -> str:
        return f"there are {', '.join(self._views)}, and what WITH names"


def alias_of(node: exp.Expr) -> str:
    """The alias of a table or subquery within quotes, '' without one."""
    alias = node.args.get("alias")
    if alias is None:
        return ""
    if type(alias) is not exp.TableAlias or any(value for name, value in alias.args.items() if name != "this"):
        raise SqlRefused("an alias with names of columns is not allowed")
    return quoted(alias.name)


def called(node: Any) -> str:
    """A node's kind for the person: its keyword, if it is one word."""
    return str(getattr(node, "key", type(node).__name__)).upper()
