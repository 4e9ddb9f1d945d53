"""Room for bodies: what stays free for whom, and who gives way when there is none left."""

import pytest

from trackway.domain.errors import RequestError
from trackway.domain.limits import SMALL_BODY_BYTES_MAX
from trackway.edge.access.client_address import networks
from trackway.edge.access.peers import Peers
from trackway.edge.limits import SILENT_BODY_S
from trackway.edge.quotas.in_flight import Claim, InFlight
from trackway.edge.wire.asgi import ClientGone, Scope
from trackway.http.protocol import CUT

MIB = 1 << 20
ROOM = 256 * MIB
BODY = 32 * MIB


class Place:
    """A process with a clock of its own, and what was cut off in it."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.in_flight = InFlight(ROOM, BODY, Peers(), lambda: self.now_s)
        self.cut: list[str] = []

    def claim(self, address: str, size: int, *, known: bool = False) -> Claim:
        scope: Scope = {
            "client": (address, 1),
            "headers": [],
            CUT: lambda status: self.cut.append(f"{address} {status}"),
        }
        claim = self.in_flight.claim(scope, known=known)
        claim.take(size)
        return claim

    def fill(self, address: str, size: int, *, known: bool = False) -> list[Claim]:
        """As many bodies of that size as there is room for, all of them still coming in."""
        claims = []
        while True:
            try:
                claims.append(self.claim(address, size, known=known))
            except RequestError as error:
                assert (error.status, error.retry_after_s) == (503, 1)
                return claims


def test_large_bodies_without_credentials_leave_room_for_all_others() -> None:
    place = Place()
    assert len(place.fill("192.0.2.1", BODY)) == 4
    assert len(place.fill("192.0.2.1", BODY, known=True)) == 2
    assert len(place.fill("192.0.2.1", SMALL_BODY_BYTES_MAX)) == 64 * MIB // SMALL_BODY_BYTES_MAX
    assert place.in_flight.bytes == ROOM
    assert place.cut == []


def test_small_bodies_without_credentials_leave_a_quarter_to_those_with_them() -> None:
    place = Place()
    place.fill("192.0.2.1", SMALL_BODY_BYTES_MAX)
    assert place.in_flight.bytes == ROOM * 3 // 4
    assert len(place.fill("192.0.2.1", BODY, known=True)) == 2


def test_who_holds_the_most_gives_way_to_another_and_what_is_complete_does_not() -> None:
    place = Place()
    first, *_, last = place.fill("192.0.2.1", BODY)
    first.complete()
    place.now_s = 1.0
    last.take(0)
    honest = place.claim("192.0.2.2", BODY)
    assert place.cut == ["192.0.2.1 503"]
    assert first.size == last.size == honest.size == BODY
    with pytest.raises(RequestError):  # nobody would hold more than this one
        place.claim("192.0.2.2", BODY)
    assert len(place.cut) == 1


def test_what_is_silent_gives_way_also_to_the_same_address() -> None:
    place = Place()
    stalled = place.fill("192.0.2.1", BODY)
    place.now_s = SILENT_BODY_S + 0.1
    assert place.claim("192.0.2.1", BODY).size == BODY
    assert place.cut == ["192.0.2.1 503"]
    (cut,) = [each for each in stalled if each.was_cut_off]
    with pytest.raises(ClientGone):
        cut.take(1)


def test_one_address_may_hold_all_there_is_while_nobody_else_wants_any() -> None:
    place = Place()
    place.fill("192.0.2.1", BODY)
    place.fill("192.0.2.1", BODY, known=True)
    place.fill("192.0.2.1", SMALL_BODY_BYTES_MAX)
    assert place.in_flight.bytes == ROOM


def test_a_single_event_finds_room_among_small_bodies_that_stall() -> None:
    place = Place()
    place.fill("192.0.2.1", BODY, known=True)
    place.fill("192.0.2.1", SMALL_BODY_BYTES_MAX)
    place.in_flight.take_whole({"client": ("192.0.2.2", 1), "headers": []}, 500)
    assert place.cut == ["192.0.2.1 503"]
    place.in_flight.give_whole(500)


def test_the_largest_body_always_fits_into_an_empty_process() -> None:
    in_flight = InFlight(BODY, BODY)
    with in_flight.claim({"client": ("192.0.2.1", 1), "headers": []}, known=False) as claim:
        claim.take(BODY)
        assert in_flight.bytes == BODY
    assert in_flight.bytes == 0


def test_peers_count_by_the_client_behind_a_trusted_proxy_and_by_networks_of_ipv6() -> None:
    peers = Peers(networks(["10.0.0.0/8"]))

    def of(address: str, forwarded: str = "") -> bytes:
        headers = [(b"x-forwarded-for", forwarded.encode())] if forwarded else []
        return peers.of({"client": (address, 1), "headers": headers})

    assert of("10.0.0.1", "192.0.2.1") == of("10.0.0.2", "192.0.2.1") == of("192.0.2.1")
    assert of("10.0.0.1", "192.0.2.2") != of("192.0.2.1")
    assert of("192.0.2.9", "192.0.2.1") == of("192.0.2.9", "192.0.2.2")
    assert of("2001:db8::1") == of("2001:db8::ffff") != of("2001:db8:0:1::1")
    assert b"192" not in of("192.0.2.1") and Peers().of({"client": ("192.0.2.1", 1), "headers": []}) != of("192.0.2.1")
