"""The client's address is found behind trusted proxies, however they write it, and never mistaken for theirs."""

from typing import Any

import pytest

from trackway.edge.access import client_address as module
from trackway.edge.access.client_address import ClientAddresses, client_address, networks
from trackway.telemetry import metrics

TRUSTED = ("10.0.0.0/8", "127.0.0.1", "fd00::/8", "169.254.0.0/16")

# (name, peer, X-Forwarded-For headers, address)
ADDRESSES: list[tuple[str, str, list[str], str]] = [
    ("no proxy", "192.0.2.1", [], "192.0.2.1"),
    ("a stranger's header", "192.0.2.1", ["198.51.100.1"], "192.0.2.1"),
    ("one proxy", "10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
    ("a proxy without a header", "10.0.0.1", [], "10.0.0.1"),
    ("a client's claim", "10.0.0.1", ["1.1.1.1, 198.51.100.1"], "198.51.100.1"),
    ("a chain of proxies", "10.0.0.1", ["1.1.1.1,198.51.100.1, 10.0.0.2 ,127.0.0.1"], "198.51.100.1"),
    ("proxies only", "10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
    ("a claim in a header of its own", "10.0.0.1", ["1.1.1.1", "198.51.100.1"], "198.51.100.1"),
    ("headers of several proxies", "10.0.0.1", ["1.1.1.1", "198.51.100.1", "10.0.0.2"], "198.51.100.1"),
    ("version 6", "fd00::1", ["2001:db8::7"], "2001:db8::7"),
    ("version 4 over 6", "::ffff:10.0.0.1", ["::ffff:198.51.100.1"], "198.51.100.1"),
    ("a stranger of version 4 over 6", "::ffff:192.0.2.1", ["198.51.100.1"], "::ffff:192.0.2.1"),
    # What stands around an address.
    ("a port", "10.0.0.1", ["198.51.100.1:50123"], "198.51.100.1"),
    ("a port of a proxy", "10.0.0.1", ["198.51.100.1:50123, 10.0.0.7:4242"], "198.51.100.1"),
    ("an empty port", "10.0.0.1", ["198.51.100.1:"], "198.51.100.1"),
    ("brackets", "10.0.0.1", ["[2001:db8::7]"], "2001:db8::7"),
    ("brackets and a port", "10.0.0.1", ["[2001:DB8:0::7]:443, [fd00::2]:80"], "2001:db8::7"),
    ("quotes", "10.0.0.1", ['"[2001:db8::7]:443"'], "2001:db8::7"),
    ("quotes around version 4", "10.0.0.1", ['"198.51.100.1:80"'], "198.51.100.1"),
    ("version 4 in 6 in brackets", "10.0.0.1", ["[::ffff:198.51.100.1]:80"], "198.51.100.1"),
    ("a zone", "10.0.0.1", ["fe80::1%eth0"], "fe80::1"),
    ("a zone in brackets", "10.0.0.1", ["[fe80::1%25eth0]:443"], "fe80::1"),
    ("the long form", "10.0.0.1", ["2001:0db8:0000:0000:0000:0000:0000:0007"], "2001:db8::7"),
    ("blanks and a tab", "10.0.0.1", ["  \t198.51.100.1\t "], "198.51.100.1"),
    # Empty elements of a list count for nothing.
    ("a gap", "10.0.0.1", ["198.51.100.1,, ,10.0.0.2,"], "198.51.100.1"),
    ("an empty header before", "10.0.0.1", ["", "198.51.100.1"], "198.51.100.1"),
    ("an empty header", "10.0.0.1", [""], ""),
    ("commas", "10.0.0.1", [" , ,,"], ""),
    # What is no address: then nothing is known.
    ("unknown", "10.0.0.1", ["unknown"], ""),
    ("unknown left of a stranger", "10.0.0.1", ["unknown, 198.51.100.1"], "198.51.100.1"),
    ("hidden in the middle", "10.0.0.1", ["198.51.100.1, _hidden, 10.0.0.2"], ""),
    ("a name", "10.0.0.1", ["client.example.com"], ""),
    ("a name and a port", "10.0.0.1", ["client.example.com:80"], ""),
    ("a port that is none", "10.0.0.1", ["198.51.100.1:http"], ""),
    ("a port too large to be one", "10.0.0.1", ["198.51.100.1:123456"], ""),
    ("an open bracket", "10.0.0.1", ["[2001:db8::7"], ""),
    ("something behind brackets", "10.0.0.1", ["[2001:db8::7]x"], ""),
    ("a network", "10.0.0.1", ["198.51.100.0/24"], ""),
    ("leading zeros", "10.0.0.1", ["198.051.100.001"], ""),
    ("too many parts", "10.0.0.1", ["198.51.100.1.1:80"], ""),
    ("a socket's path", "10.0.0.1", ["unix:"], ""),
    ("bytes", "10.0.0.1", ["\xff\xfe"], ""),
    ("longer than any address", "10.0.0.1", ["1" * 60_000], ""),
    ("longer than any with a zone", "10.0.0.1", ["fe80::1%" + "e" * 60_000], ""),
]


def scope_of(peer: str, values: list[str]) -> dict[str, Any]:
    headers = [(b"host", b"x"), *((b"x-forwarded-for", value.encode("latin-1")) for value in values)]
    return {"client": (peer, 5), "headers": headers}


@pytest.mark.parametrize(("name", "peer", "values", "address"), ADDRESSES, ids=[row[0] for row in ADDRESSES])
def test_the_clients_address_is_found_behind_trusted_proxies_only(
    name: str, peer: str, values: list[str], address: str
) -> None:
    scope = scope_of(peer, values)
    assert client_address(scope, networks(TRUSTED)) == address
    assert client_address(scope, ()) == peer


def test_a_connection_without_an_address_has_none() -> None:
    assert client_address({"client": None, "headers": []}, networks(("10.0.0.0/8",))) == ""
    assert client_address({"headers": []}, ()) == ""


def test_a_header_that_is_not_believed_is_noted_once_a_second_without_an_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    noted: list[str] = []
    monkeypatch.setattr(metrics, "forwarded_unheeded", noted.append)
    addresses = ClientAddresses(("10.0.0.0/8",))
    for peer, values in (("10.0.0.1", ["198.51.100.1"]), ("192.168.0.1", []), ("192.168.0.1", [""])):
        addresses.of(scope_of(peer, values))
    assert noted == []
    for peer in ("192.168.0.1", "192.168.0.1", "8.8.8.8"):
        addresses.of(scope_of(peer, ["198.51.100.1"]))
    assert noted == ["private"]
    monkeypatch.setattr(module, "UNHEEDED_NOTE_S", 0.0)
    addresses.of(scope_of("8.8.8.8", ["198.51.100.1"]))
    assert noted == ["private", "public"]
