"""Which requests are the operator's."""

import pytest

from trackway.edge.access.operator import Operator


@pytest.mark.parametrize(
    ("key", "sent", "wanted"),
    [("abc", b"abc", True), ("abc", b"abd", False), ("abc", b"", False), ("", b"", False), ("", b"abc", False)],
)
def test_only_the_key_of_this_run_makes_a_request_the_operators(key: str, sent: bytes, wanted: bool) -> None:
    assert Operator(key).sent({"headers": [(b"x-trackway-operator", sent)]}) is wanted
    assert Operator(key).sent({"headers": []}) is False
