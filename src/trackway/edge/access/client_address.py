"""The client's address: the connection's, or the one behind a trusted proxy, in every notation of proxies.

A proxy appends the address of its own client to `X-Forwarded-For`. The header is read from the right, past the trusted
proxies, up to the first other address. What is left of it may be forged. An address may come with a port (Azure), in
brackets, in quotes, with a zone. A hop that is no address (`unknown`, `_hidden`) ends the search without a result: to
its right are only proxies, and the address of a proxy would merge all the people behind it.
"""

import ipaddress
import re
import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from trackway.domain.limits import ADDRESS_CHARACTERS_MAX, ADDRESSES_REMEMBERED
from trackway.edge.limits import HOP_CHARACTERS_MAX, UNHEEDED_NOTE_S
from trackway.edge.wire.asgi import Scope, header
from trackway.telemetry import metrics

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_HEADER: Final = b"x-forwarded-for"
_in_brackets = re.compile(r"\[([^\]]*)\](?::[0-9]{0,5})?").fullmatch
_with_port = re.compile(r"([0-9.]+):[0-9]{0,5}").fullmatch


class ClientAddresses:
    """Finds the addresses of clients. `trusted` are the networks of proxies whose header is believed.

    A header that is not believed is noted for the checklist, without the address of its sender.
    """

    def __init__(self, trusted: Sequence[str]):
        self._trusted = networks(trusted)
        self._noted_s = 0.0

    def of(self, scope: Scope) -> str:
        """The address of a request's client, "" where it is unknown."""
        if header(scope, _HEADER) and not client_is_trusted(scope, self._trusted):
            self._note(scope)
        return client_address(scope, self._trusted)

    def _note(self, scope: Scope) -> None:
        now_s = time.monotonic()
        if now_s - self._noted_s >= UNHEEDED_NOTE_S:
            self._noted_s = now_s
            client = scope.get("client")
            peer = parsed_address(client[0]) if client else None
            metrics.forwarded_unheeded("public" if peer is not None and peer.is_global else "private")


def networks(names: Sequence[str]) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(name, strict=False) for name in names)


def client_address(scope: Scope, trusted: Sequence[Network]) -> str:
    """The client's address, "" where it is unknown."""
    client = scope.get("client")
    address: str = client[0] if client else ""
    if not trusted or not _is_within(parsed_address(address), trusted):
        return address
    # A proxy may add a header of its own instead of appending to the client's: all of them are one list.
    values = [value for name, value in scope["headers"] if name == _HEADER]
    if not values:
        return address  # the proxy itself is the client
    return _first_stranger(b",".join(values).decode("latin-1"), trusted)


def _first_stranger(hops: str, trusted: Sequence[Network]) -> str:
    """From the right. Where all are proxies, the leftmost. Empty elements of a list are skipped (RFC 9110 §5.6.1.2)."""
    address = ""
    for hop in reversed(hops.split(",")):
        if hop.strip():
            parsed = _hop_address(hop)
            if parsed is None:
                return ""
            address = str(parsed)
            if not _is_within(parsed, trusted):
                break
    return address


def _hop_address(text: str) -> Address | None:
    if len(text) > HOP_CHARACTERS_MAX:
        return None
    text = text.strip(' \t"')
    found = _in_brackets(text) or _with_port(text)
    return parsed_address((found[1] if found else text).partition("%")[0])  # a zone is the proxy's own


def client_is_trusted(scope: Scope, trusted: Sequence[Network]) -> bool:
    """Whether the connection comes from a trusted proxy, whose headers are believed."""
    client = scope.get("client")
    return client is not None and _is_within(parsed_address(client[0]), trusted)


def _is_within(address: Address | None, trusted: Sequence[Network]) -> bool:
    return address is not None and any(address in network for network in trusted)


def parsed_address(text: str) -> Address | None:
    """An address, None for any other text. An IPv4 address that is mapped into IPv6 becomes IPv4."""
    text = text.strip()
    return _parsed(text) if len(text) <= ADDRESS_CHARACTERS_MAX else None


@lru_cache(ADDRESSES_REMEMBERED)
def _parsed(text: str) -> Address | None:
    try:
        parsed = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed
