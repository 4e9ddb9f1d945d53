"""Where a provider is found: one look-up for all who wait, and no address that is safe less than the issuer's."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from trackway.settings.table import Settings
from trackway.web.provider import Attempt, Provider
from trackway.web.provider_requests import ProviderFailed, ProviderRequests

ADDRESSES = ("authorization_endpoint", "token_endpoint", "jwks_uri")
KEY = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "kid": "a", "use": "sig"}


class Published(ProviderRequests):
    """Answers with what a provider publishes, and counts the requests."""

    def __init__(self, issuer: str, **other: str):
        super().__init__()
        self.document = {"issuer": issuer} | {name: f"{issuer}/{name}" for name in ADDRESSES} | other
        self.asked: list[str] = []
        self.is_away = False

    async def get_json(self, url: str) -> dict[str, Any]:
        self.asked.append(url)
        await asyncio.sleep(0.01)
        if self.is_away:
            raise ProviderFailed("it is away")
        return self.document if url.endswith("openid-configuration") else {"keys": [KEY]}

    async def post_form(self, url: str, fields: Mapping[str, str]) -> dict[str, Any]:
        raise AssertionError((url, fields))


def provider_of(published: Published) -> Provider:
    settings = Settings(oidc_issuer=published.document["issuer"], oidc_client_id="here")
    return Provider(settings, "secret", published)


def found(published: Published, number: int = 1) -> list[str | BaseException]:
    """What so many people at once are answered who ask for the way to the provider."""
    provider = provider_of(published)

    async def run() -> list[str | BaseException]:
        ways = (provider.address(Attempt.new(), "http://here/back") for _ in range(number))
        return await asyncio.gather(*ways, return_exceptions=True)

    return asyncio.run(run())


def test_all_who_wait_share_one_look_up() -> None:
    published = Published("https://id.example.com")
    ways = found(published, 20)
    assert all(str(way).startswith("https://id.example.com/authorization_endpoint?") for way in ways)
    assert len(published.asked) == 2


def test_a_look_up_that_failed_is_made_again() -> None:
    published = Published("https://id.example.com")
    provider = provider_of(published)
    published.is_away = True

    async def run() -> str:
        with pytest.raises(ProviderFailed, match="away"):
            await provider.address(Attempt.new(), "http://here/back")
        published.is_away = False
        return await provider.address(Attempt.new(), "http://here/back")

    assert asyncio.run(run()).startswith("https://id.example.com/")


@pytest.mark.parametrize("name", ADDRESSES)
def test_a_provider_below_https_names_no_address_without_it(name: str) -> None:
    [failed] = found(Published("https://id.example.com", **{name: "http://id.example.com/x"}))
    assert isinstance(failed, ProviderFailed) and f"its {name} is not below https://" in str(failed)
    [way] = found(Published("https://id.example.com", **{name: "HTTPS://id.example.com/x"}))
    assert isinstance(way, str)


def test_a_provider_on_this_machine_needs_no_https() -> None:
    [way] = found(Published("http://127.0.0.1:5556"))
    assert str(way).startswith("http://127.0.0.1:5556/authorization_endpoint?")
