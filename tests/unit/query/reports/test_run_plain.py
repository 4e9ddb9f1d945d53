"""A shorter form of a statement, which is asked first, and not again where it was found not to fit."""

import asyncio
from typing import Any, cast

import pytest

from trackway.query.reports.run import Plain, Run, Statement
from trackway.store.errors import VALUE_REFUSED, StoreError
from trackway.store.limits import REFUSED_BYTES_MAX
from trackway.store.reader import Reader
from trackway.store.result_cache import ResultCache

FULL = Statement("SELECT 1", {})
PLAIN = Plain(Statement("SELECT throwIf(1)", {}), ["colour"])


class Asked:
    """A reader whose short statements fail with a code, if there is one."""

    def __init__(self, code: int | None) -> None:
        self.refused = ResultCache(REFUSED_BYTES_MAX)
        self.statements: list[str] = []
        self._code = code

    async def rows(self, _: int, sql: str, __: Any) -> list[tuple[Any, ...]]:
        self.statements.append(sql)
        if sql == PLAIN.statement.sql and self._code is not None:
            raise StoreError("store: failed", self._code)
        return [(sql,)]


def ask(reader: Asked, project_id: int = 1) -> tuple[list[tuple[Any, ...]], list[str]]:
    """The rows, and the statements that `explain` shows."""
    run = Run(cast(Reader, reader), project_id)
    return asyncio.run(run.rows(FULL, plain=PLAIN)), [each.sql for each in run.statements]


def test_the_shorter_form_alone_is_asked_where_it_fits() -> None:
    reader = Asked(None)
    assert ask(reader) == ([(PLAIN.statement.sql,)], [PLAIN.statement.sql])
    assert reader.statements == [PLAIN.statement.sql]


def test_the_full_form_follows_where_a_value_is_refused_and_is_asked_at_once_from_then_on() -> None:
    reader = Asked(VALUE_REFUSED)
    for _ in range(2):
        assert ask(reader) == ([(FULL.sql,)], [FULL.sql])
    assert reader.statements == [PLAIN.statement.sql, FULL.sql, FULL.sql]
    ask(reader, project_id=2)
    assert reader.statements[3:] == [PLAIN.statement.sql, FULL.sql]


def test_other_errors_of_the_shorter_form_are_errors() -> None:
    reader = Asked(241)
    with pytest.raises(StoreError):
        ask(reader)
    assert reader.statements == [PLAIN.statement.sql]
