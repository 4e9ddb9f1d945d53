"""Counting by client without an address: that of the connection, or of the client behind a trusted proxy, is hashed.

The key is random and ends with the process, and the hashes are never stored, logged or shown. An IPv6 address counts by
its first 64 bits, because one client usually has all addresses with the same first half.
"""

import os
from collections.abc import Sequence
from hashlib import blake2b
from ipaddress import IPv6Address

from trackway.edge.access.client_address import Network, client_address, parsed_address
from trackway.edge.wire.asgi import Scope

Peer = bytes


class Peers:
    """`trusted`: networks of proxies whose `X-Forwarded-For` is believed."""

    def __init__(self, trusted: Sequence[Network] = ()):
        self._trusted = trusted
        self._key = os.urandom(32)

    def of(self, scope: Scope) -> Peer:
        """Of a request, or of a connection that has not sent its head: `client` and `headers` are read."""
        client = scope.get("client")
        address = client_address(scope, self._trusted) or (client[0] if client else "")
        return blake2b(network_of(address), key=self._key, digest_size=8).digest()


def network_of(address: str) -> bytes:
    """What is counted for an address: all of IPv4, of IPv6 the first 64 bits; another text for itself."""
    parsed = parsed_address(address)
    if isinstance(parsed, IPv6Address):
        return parsed.packed[:8]
    return parsed.packed if parsed is not None else address.encode()
