"""Numbers keep their digits, whatever their length."""

import math

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackway.transfer.batches import Forming, batches_of
from trackway.transfer.exact_json import parsed
from trackway.transfer.shapes import Mapping, mapped


@pytest.mark.parametrize(
    "number",
    [
        "123456789012345678901",
        "-9223372036854775809",
        "-12345678901234567.89",
        "0.12345678901234567890",
        "1234567890123456.780",
        "18446744073709551615",
        "9223372036854775807",
        "1e400",
        "1.00000000000000000000e5",
    ],
)
def test_a_number_is_written_as_it_is_or_has_the_same_value(number: str) -> None:
    text = b'{"n":[' + number.encode() + b'],"long":"12345678901234567890"}'
    written = orjson.dumps(parsed(text))
    exact = orjson.dumps(orjson.Fragment(number))
    assert exact in written or float(number) == orjson.loads(written)["n"][0]
    if len(number.strip("-0.").replace(".", "")) > 17 and "e" not in number and int(float(number)) != float(number):
        assert exact in written


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**64 - 1)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=6,
    )
)
def test_values_that_python_holds_are_those_of_the_usual_parser(value: object) -> None:
    try:
        text = orjson.dumps(value)
    except TypeError:  # half of a pair of surrogates
        return
    assert parsed(text) == orjson.loads(text)


@pytest.mark.parametrize(
    "text", [b'{"a":NaN,"long":12345678901234567890}', b'{"a":12345678901234567890', b"[" * 100_000 + b"1" * 20]
)
def test_what_is_no_json_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError):
        parsed(text)


def test_a_number_beyond_all_floats_is_no_infinity() -> None:
    assert not any(isinstance(each, float) and math.isinf(each) for each in parsed(b"[1.00000000000000000e999]"))


def test_a_row_of_columns_keeps_the_digits_of_its_numbers() -> None:
    row = b'{"event":"A","properties":"{\\"big\\":123456789012345678901}","money":-12345678901234567.89}'
    [batch, _] = batches_of("a", iter([[row]]), Forming(mapped(Mapping()), with_ids=True), 0)
    assert isinstance(batch.records, list)
    body = batch.records[0].body
    assert b'"big":123456789012345678901' in body and b'"money":-12345678901234567.89' in body
