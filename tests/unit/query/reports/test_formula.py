"""Formulas over series: what they give, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackway.query.limits import FORMULA_BYTES_MAX, FORMULA_DEPTH_MAX
from trackway.query.reports.formula import Formula, FormulaError


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("A", [3], 3),
        ("(B / A) * 100", [4, 1], 25),
        ("A - B - C", [10, 3, 2], 5),
        ("A / B * C", [8, 4, 3], 6),
        ("A + B * C", [1, 2, 3], 7),
        ("-A ^ 2", [3], -9),
        ("(-A) ^ 2", [3], 9),
        ("2 ^ 3 ^ 2", [], 64),
        ("--A", [3], 3),
        ("A*-B", [3, 2], -6),
        ("1_000.5 + 1e2 + .5", [], 1101),
        ("\tA +\tB", [1, 2], 3),
        ("A / B", [1, 0], None),
        ("A ^ 0.5", [-1], None),
        ("A ^ 1000", [10], None),
        ("A + B", [1, None], None),
        ("Z", [*range(26)], 25),
        ("BA", [*range(27)], 26),
    ],
)
def test_gives(text: str, values: list[float | None], expected: float | None) -> None:
    assert Formula(text).value(values) == expected


@pytest.mark.parametrize(("text", "operands"), [("1", 0), ("A", 1), ("A / C", 3), ("BA", 27)])
def test_knows_how_many_series_it_needs(text: str, operands: int) -> None:
    assert Formula(text).operands == operands


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is incomplete"),
        ("A +", "is incomplete"),
        ("(A", "is incomplete"),
        ("A B", "has an unexpected token 'B' at position 2"),
        ("A ^ -B", "has an unexpected token '-' at position 4"),
        ("A)", "has an unexpected token ')' at position 1"),
        ("+A", "has an unexpected token '+' at position 0"),
        ("A & B", "has an unexpected character '&' at position 2"),
        ("A\n+ B", "has an unexpected character '\\n' at position 1"),
        ("a + B", "has the name 'a' at position 0, not a letter of an operand"),
        ("ABC", "has the name 'ABC' at position 0, not a letter of an operand"),
        ("__import__", "has the name '__import__' at position 0, not a letter of an operand"),
        ("A" + " " * FORMULA_BYTES_MAX, f"is longer than {FORMULA_BYTES_MAX} bytes"),
        ("(" * 100 + "A" + ")" * 100, f"has more than {FORMULA_DEPTH_MAX} levels"),
    ],
)
def test_refuses(text: str, message: str) -> None:
    with pytest.raises(FormulaError) as refused:
        Formula(text)
    assert str(refused.value) == message


@given(st.text(alphabet="AB+-*/^() 1.eE_\n", max_size=30), st.lists(st.floats(), min_size=2, max_size=2))
def test_any_text_is_read_or_refused(text: str, values: list[float | None]) -> None:
    try:
        formula = Formula(text)
    except FormulaError:
        return
    if formula.operands <= len(values):
        formula.value(values)
