"""By which scheme a browser reached the server: the connection's, or what trusted proxies say."""

import pytest
from starlette.requests import Request

from trackway.settings.table import Settings
from trackway.web.public_url import scheme

CASES = [
    ([], "http"),
    (["https"], "https"),
    (["https,http"], "https"),
    (["HTTPS , http"], "https"),
    (["https", "http"], "https"),
    (["http,https"], "http"),
    ([", https"], "https"),
    (['"https"'], "https"),
    (["wss"], "http"),
    ([""], "http"),
]


@pytest.mark.parametrize(("values", "expected"), CASES)
def test_the_first_of_a_list_counts_from_trusted_proxies_alone(values: list[str], expected: str) -> None:
    headers = [(b"x-forwarded-proto", value.encode()) for value in values]
    request = Request({"type": "http", "scheme": "http", "client": ("10.0.0.1", 5), "headers": headers})
    assert scheme(request, Settings(trusted_proxies=("10.0.0.0/8",))) == expected
    assert scheme(request, Settings(trusted_proxies=("192.0.2.0/24",))) == "http"
