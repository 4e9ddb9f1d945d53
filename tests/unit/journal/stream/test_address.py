import pytest

from trackway.domain.errors import ConfigError
from trackway.journal.stream.address import Address, parse_address
from trackway.settings.table import Settings


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("nats://a", Address(("a:4222",), "", "", False)),
        ("nats://u:p@a:1,b,c:3", Address(("a:1", "b:4222", "c:3"), "u", "p", False)),
        ("tls://u:p%40%3A@[::1]:4333/", Address(("[::1]:4333",), "u", "p@:", True)),
        ("nats://u:p@p@a", Address(("a:4222",), "u", "p@p", False)),
    ],
)
def test_hosts_user_and_password_are_read(url: str, address: Address) -> None:
    assert parse_address(url) == address
    assert Settings(journal_url=url).journal_url == url


@pytest.mark.parametrize(
    "url",
    ["http://a", "a:4222", "nats://", "nats://u:p@", "nats://user@a", "nats://:p@a", "nats://a:99999", "nats://a,,b",
     "nats://a b", "nats://a/path"],
)  # fmt: skip
def test_other_urls_are_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_address(url)
    assert "hidden" not in str(refused.value) and url not in str(refused.value)


def test_what_is_shown_has_no_credentials() -> None:
    assert parse_address("nats://user:hidden@a,b:2").shown == "nats://a:4222,b:2"
