"""Random expressions, as texts, and random rows for them to speak of.

The expressions are made of the whole grammar; most are of sensible kinds, so that they are true in some rows and not in
others. Numbers are kept where the embedded engine writes all of their digits (it drops the zero of exponents such as
1e205).
"""

import json
from typing import Any, NamedTuple

from hypothesis import strategies as st

NAMES = ["a", "b", "l", "m", 'q"uo\'te', "do.t\\", "ü {x:String} --"]
STRINGS = ["", "a", "ab", "b", "true", "false", "12", "-0.50", "1e3", "+7", "007", "1e999", "x\"'\\\n\0/*", "ü😀", "null"]
STRINGS += ["2026-01-31", "2026-01-31T00:00:00", "2026-02-30", "2026-01-31 23:59:59.1239+05:30", "1900-01-01", "12 "]
NUMBERS = [0.0, 1.0, -1.0, 2.0, 0.5, -0.5, 1.5, 2.5, -2.5, 0.1, 3.0, 12.0, 1e21, 1.5e-9, 9007199254740993.0, 1769817600.0]


def quoted(text: str) -> str:
    """A string as a literal of the language."""
    return json.dumps(text, ensure_ascii=False)


plain_numbers = st.sampled_from(NUMBERS) | st.floats(-1e25, 1e25).filter(lambda each: abs(each) > 1e-90 or each == 0)
strings = st.sampled_from(STRINGS) | st.text(st.characters(codec="utf-8"), max_size=5)
scalars = plain_numbers | st.integers(-(2**70), 2**70) | strings | st.booleans() | st.none()
lists = st.lists(scalars | st.lists(scalars, max_size=2) | st.just({"k": 1}), max_size=4)
values = scalars | lists | st.sampled_from([{}, {"k": [1]}])
objects = st.dictionaries(st.sampled_from(NAMES), values, max_size=len(NAMES))


class StoredRow(NamedTuple):
    """A row as the store has it."""

    properties: str
    user: str
    time_ms: int
    name: str


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False)


rows = st.builds(
    StoredRow,
    objects.map(_json),
    objects.map(_json),
    st.sampled_from([0, 1769817600000, 1769817600123]),
    st.sampled_from(["", "a", "ü 'x'"]),
)

# Texts of expressions

number_literals = plain_numbers.map(abs).map(repr)
string_literals = strings.map(quoted)
truth_literals = st.sampled_from(["true", "FALSE"])
list_literals = st.lists(number_literals | string_literals | truth_literals, max_size=3).map(
    lambda each: f"[{', '.join(each)}]"
)
properties = st.sampled_from([f"properties[{quoted(name)}]" for name in NAMES])
references = st.one_of(
    properties,
    properties,
    properties,
    st.sampled_from([f"user[{quoted(name)}]" for name in NAMES]),
    st.sampled_from(['event["$time"]', "event['$name']"]),
)
leaves = references | references | number_literals | string_literals | list_literals | truth_literals


def _operations(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    any_ = inner | leaves
    truths = any_ | st.builds("boolean({})".format, any_) | st.builds("defined({})".format, any_)
    return st.one_of(
        st.builds("({} {} {})".format, any_, st.sampled_from("+-*/%"), any_),
        st.builds("{} {} {}".format, any_, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), any_).map("({})".format),
        st.builds("({} in {})".format, any_, any_),
        st.builds("({} {} {})".format, truths, st.sampled_from(["and", "or"]), truths),
        st.builds("(not {})".format, any_),
        st.builds("(-{})".format, any_),
        st.builds("{}({})".format, st.sampled_from(["floor", "round", "ceil", "length", "defined"]), any_),
        st.builds("{}({})".format, st.sampled_from(["string", "number", "boolean"]), any_),
        st.builds("{}({}, {})".format, st.sampled_from(["string", "number", "boolean"]), any_, any_),
        st.builds("datetime({})".format, inner | references | number_literals | st.just('"2026-01-31"')),
        st.builds(
            "{}(X, {}, {})".format,
            st.sampled_from(["any", "all"]),
            properties | list_literals | any_,
            any_ | st.builds("X {} {}".format, st.sampled_from(["==", "!=", "<", "in"]), any_) | _of_element(any_),
        ),
    )


def _of_element(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return inner.map(lambda each: each.replace('properties["a"]', "X").replace('user["b"]', "X"))


expressions = st.recursive(leaves, _operations, max_leaves=8)
