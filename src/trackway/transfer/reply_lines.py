"""The lines of a long reply, as it comes."""

import http.client
from collections.abc import Iterator

from trackway.transfer.connection import Broken
from trackway.transfer.limits import READ_BYTES, RECORD_BYTES_MAX


def lines_of(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """The lines of a reply, without their ends. Raises Broken where it breaks off, which its chunks or its length
    show."""
    rest = b""
    while piece := _piece(response):
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines
        if len(rest) > RECORD_BYTES_MAX:
            raise Broken(f"a line of more than {RECORD_BYTES_MAX} bytes", None)
    if rest:
        raise Broken("the reply ended within a line", None)


def _piece(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read1(READ_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise Broken(f"the reply broke off: {error or type(error).__name__}", None) from error
