"""Addresses that ask a question again with other fields."""

from starlette.datastructures import QueryParams

from trackway.web.report_address import with_fields


def test_a_field_is_replaced_wherever_it_stands_and_the_others_stay_in_order() -> None:
    query = QueryParams("where=a&page=2&where=b+c&page=3")
    assert with_fields(query, page="4") == "where=a&where=b+c&page=4"
    assert with_fields(query, page=None) == "where=a&where=b+c"
    assert with_fields(query, of="ü&=") == "where=a&page=2&where=b+c&page=3&of=%C3%BC%26%3D"
