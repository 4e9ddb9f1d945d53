"""A statement's text as a tree, by sqlglot.

Functions keep the names that the text has: sqlglot's own classes for functions are switched off, since they would be
written as other functions where dialects differ. The rules of `clauses` and `expressions` decide what the tree may
contain.

The store reads a number before `::` as text, so `19.99::Decimal(10, 2)` is exact. sqlglot forgets that, and the store
gives 19.98 for `CAST(19.99 AS Decimal(10, 2))` (findings/decimal-literal-through-sqlglot.sh). So such a number becomes
a text of the tree, with the minus before it.
"""

import logging
from typing import Any, ClassVar, Final

from sqlglot import TokenType, exp
from sqlglot.dialects.clickhouse import ClickHouse
from sqlglot.errors import SqlglotError
from sqlglot.parsers.clickhouse import ClickHouseParser

from trackway.query.limits import SQL_BYTES_MAX, SQL_FAULT_CHARACTERS_MAX
from trackway.query.read_only_sql.refusal import TOO_DEEP, SqlRefused

# It logs statements that it does not know, with their values.
logging.getLogger("sqlglot").setLevel(logging.CRITICAL + 1)


def _cast(parser: Any, value: Any, to: exp.DataType) -> exp.Expr:
    """`value::to`."""
    if isinstance(value, exp.Literal) or to.this is exp.DType.ARRAY:
        value = _numbers_as_texts(value)
    return exp.Cast(this=value, to=to)


def _numbers_as_texts(value: Any) -> Any:
    """A number as a text, and those of an array."""
    if isinstance(value, exp.Literal):
        return exp.Literal.string(value.this)
    if isinstance(value, exp.Neg) and isinstance(value.this, exp.Literal):
        return exp.Literal.string(f"-{value.this.this}")
    if isinstance(value, exp.Array):
        return exp.Array(expressions=[_numbers_as_texts(each) for each in value.expressions])
    return value


class _Parser(ClickHouseParser):
    COLUMN_OPERATORS: ClassVar = {**ClickHouseParser.COLUMN_OPERATORS, TokenType.DCOLON: _cast}
    FUNCTIONS: ClassVar = {}
    FUNCTION_PARSERS: ClassVar = {"CAST": ClickHouseParser.FUNCTION_PARSERS["CAST"]}
    NO_PAREN_FUNCTIONS: ClassVar = {}
    NO_PAREN_FUNCTION_PARSERS: ClassVar = {"CASE": ClickHouseParser.NO_PAREN_FUNCTION_PARSERS["CASE"]}

    def _parse_unary(self) -> exp.Expr | None:
        if self._curr.token_type is TokenType.DASH and self._next.token_type is TokenType.NUMBER:
            after = self._index + 2
            if after < len(self._tokens) and self._tokens[after].token_type is TokenType.DCOLON:
                self._advance(2)
                return self._parse_column_ops(exp.Literal.string(f"-{self._prev.text}"))
        return super()._parse_unary()


class _Dialect(ClickHouse):
    INDEX_OFFSET = 0
    """Numbers in brackets stay as they are."""
    Parser = _Parser


_ONE_STATEMENT: Final = "query must be one SELECT statement"


def parsed(text: str) -> exp.Expr:
    """The tree of one SELECT statement, or of several that UNION, EXCEPT or INTERSECT join. Raises SqlRefused."""
    if len(text.encode()) > SQL_BYTES_MAX:
        raise SqlRefused(f"query must have at most {SQL_BYTES_MAX} bytes")
    try:
        found = [each for each in _Dialect().parse(text) if each is not None]
    except SqlglotError as error:
        raise SqlRefused(f"query cannot be read: {_first_line(error)}") from error
    except RecursionError as error:
        raise SqlRefused(TOO_DEEP) from error
    if len(found) != 1 or not isinstance(found[0], exp.Select | exp.SetOperation | exp.Subquery):
        raise SqlRefused(_ONE_STATEMENT)
    return found[0]


def source_text(node: exp.Expr) -> str:
    """A part of a tree as text, to be shown alone."""
    return node.sql(_Dialect, comments=False)[:SQL_FAULT_CHARACTERS_MAX]


def _first_line(error: SqlglotError) -> str:
    """What is wrong and where, without the text around it, which sqlglot shows with control characters."""
    return str(error).partition("\n")[0][:SQL_FAULT_CHARACTERS_MAX]
