"""The store and the interpreter find the same, whatever the expression and the row.

Many expressions and rows go to the store in one query: it is the engine that is tested, not the time it takes to ask.
"""

import re
from collections.abc import Iterator
from contextlib import closing
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.query.expression_rows import KINDS, NOTHING, Found, asked, create_rows, row_of
from tests.support.query.random_expressions import Rows, Texts, lookup_table
from tests.support.store.process import running_store
from trackway.query.expressions import (
    Expression,
    ExpressionError,
    Moment,
    Row,
    evaluate,
    parse,
)
from trackway.query.expressions.values import kind_of
from trackway.store.client import Store

pytestmark = pytest.mark.one_machine  # what an expression means depends on no place of rows


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running_store(tmp_path_factory.mktemp("store")) as running, closing(Store(running.url)) as client:
        create_rows(client)
        yield client


def parsed(text: str) -> Expression | None:
    """The expression, unless an operand of `and` is refused for its kind."""
    try:
        return parse(text)
    except ExpressionError as error:
        assert re.match("expected (a boolean beside|a time such as|values that can be compared)", error.message), text
        return None


def interpreted(expression: Expression, row: Row) -> Found:
    try:
        value = evaluate(expression, row)
    except ExpressionError as error:
        return Found(False, NOTHING, error.position)
    kind = kind_of(value)
    shown = value.ms if isinstance(value, Moment) else value if kind in KINDS[:4] else True
    return Found(value is True, tuple(shown if kind is each else None for each in KINDS), 0)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32))
def test_the_store_finds_what_the_interpreter_finds(store: Store, seed: int) -> None:
    random = Random(seed)
    texts = [Texts(random).any(depth) for depth in (1, 2, 2, 3, 3, 4) for _ in range(2)]
    stored = [Rows(random).row() for _ in range(20)]
    trees = {text: tree for text in texts if (tree := parsed(text)) is not None}
    table = lookup_table(random)
    asked_texts, lines = asked(store, trees, stored, table)
    for row, line in zip(stored, lines, strict=True):
        for text, found in zip(asked_texts, line, strict=True):
            expected = interpreted(trees[text], row_of(row, table))
            if found.fault and expected.fault:  # then nobody asks for the rest
                found = found._replace(kept=False)
            assert found == expected, (text, row)
