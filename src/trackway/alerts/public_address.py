"""Which addresses a webhook may lead to: public ones, and those that the operator allows. Pure.

An author of alerts chooses where the server connects to. Without this rule it would reach what only the server
can reach: other services of its machine and network, or a cloud's metadata. The rule is for addresses, after the name
was looked up, and the connection goes to the very address that was checked.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final, NamedTuple

Address = IPv4Address | IPv6Address

_NOT_PUBLIC_4: Final = tuple(
    ip_network(each)
    for each in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
"""IANA's special-purpose registry for IPv4, with multicast."""
_UNICAST_6: Final = ip_network("2000::/3")
"""All that IANA has given out as global unicast. Outside of it are loopback, link-local, unique local and multicast
addresses, those that hold an IPv4 address (::ffff:0:0/96, and 64:ff9b::/96 of NAT64), and what nobody uses."""
_NOT_PUBLIC_6: Final = tuple(
    ip_network(each)
    for each in (
        "2001::/23",  # protocol assignments, with Teredo, which holds IPv4 addresses
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which holds IPv4 addresses
        "3fff::/20",  # documentation
    )
)


class Allowed(NamedTuple):
    """What `alert_hosts` allows, though it is not public: host names in lower case, and networks."""

    names: frozenset[str]
    networks: tuple[object, ...]

    def allows(self, host: str, address: Address) -> bool:
        """Whether this address may be connected to for that host of a URL."""
        return host.lower() in self.names or any(address in each for each in self.networks)  # type: ignore[operator]


def allowed(hosts: Iterable[str]) -> Allowed:
    """The value of the setting: names, addresses and networks."""
    names, networks = set(), []
    for each in hosts:
        try:
            networks.append(ip_network(each))
        except ValueError:
            names.add(each.lower())
    return Allowed(frozenset(names), tuple(networks))


def is_public(address: Address) -> bool:
    """Whether an address is one of the public internet."""
    if isinstance(address, IPv4Address):
        return not any(address in each for each in _NOT_PUBLIC_4)
    return address in _UNICAST_6 and address.scope_id is None and not any(address in each for each in _NOT_PUBLIC_6)


def may_connect(host: str, text: str, allowed: Allowed) -> bool:
    """Whether a webhook to `host` may connect to an address, as the look-up of the name gave it."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    return is_public(address) or allowed.allows(host, address)
