"""Addresses that a webhook may lead to."""

from ipaddress import ip_address

import pytest

from trackway.alerts.public_address import allowed, is_public, may_connect

PUBLIC = """
1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.1 169.253.255.255
172.15.255.255 172.32.0.0 192.0.1.1 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 203.0.114.0 223.255.255.255
2001:4860:4860::8888 2606:4700:4700::1111 2a00:1450:4001:81b::200e 2001:200::1 2003::1
"""
NOT_PUBLIC = """
0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.255 127.0.0.1 127.1.2.3 127.255.255.255 169.254.0.1
169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.170 192.0.2.1 192.88.99.1 192.168.0.1 192.168.255.255
198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.7 224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255
:: ::1 ::ffff:127.0.0.1 ::ffff:8.8.8.8 ::127.0.0.1 ::8.8.8.8 64:ff9b::7f00:1 64:ff9b::808:808 64:ff9b:1::1 100::1
2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:10::1 2001:20::1 2001:db8::1 2002:7f00:1::1 2002:808:808::1
3fff::1 5f00::1 fc00::1 fd12:3456::1 fe80::1 fe80::1%eth0 fec0::1 ff02::1 ff0e::1 4000::1
"""


@pytest.mark.parametrize("text", PUBLIC.split())
def test_public_addresses_may_be_connected_to(text: str) -> None:
    assert is_public(ip_address(text)) and may_connect("hooks.example.com", text, allowed(()))


@pytest.mark.parametrize("text", NOT_PUBLIC.split())
def test_all_other_addresses_may_not(text: str) -> None:
    assert not is_public(ip_address(text)) and not may_connect("hooks.example.com", text, allowed(()))


def test_a_public_address_with_a_scope_is_none() -> None:
    assert not is_public(ip_address("2606:4700:4700::1111%eth0"))


def test_what_is_no_address_is_refused() -> None:
    for text in ("", "localhost", "127.1", "0x7f000001", "2130706433"):
        assert not may_connect("localhost", text, allowed(("localhost",)))


@pytest.mark.parametrize(
    ("hosts", "host", "address", "may"),
    [
        (("127.0.0.1",), "127.0.0.1", "127.0.0.1", True),
        (("127.0.0.1",), "127.0.0.1", "127.0.0.2", False),
        (("10.1.0.0/16",), "anything.example.com", "10.1.2.3", True),
        (("10.1.0.0/16",), "anything.example.com", "10.2.2.3", False),
        (("fd00::/8",), "a", "fd00::7", True),
        (("fd00::/8",), "a", "10.0.0.1", False),
        (("Hooks.internal",), "hooks.INTERNAL", "10.0.0.1", True),
        (("hooks.internal",), "other.internal", "10.0.0.1", False),
        (("hooks.internal",), "sub.hooks.internal", "10.0.0.1", False),
    ],
)
def test_the_operator_allows_names_and_networks(hosts: tuple[str, ...], host: str, address: str, may: bool) -> None:
    assert may_connect(host, address, allowed(hosts)) is may
