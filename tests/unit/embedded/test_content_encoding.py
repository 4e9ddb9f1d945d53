import gzip
import random
import zlib

import lz4.frame  # type: ignore[import-untyped]
import pytest
from backports import zstd

from trackway.embedded.content_encoding import BadEncoding, decoder
from trackway.embedded.limits import UNPACKED_PIECE_BYTES_MAX

PLAIN = random.Random(7).randbytes(100_000) + bytes(5 << 20)
ENCODED = {
    "": PLAIN,
    "gzip": gzip.compress(PLAIN),
    "deflate": zlib.compress(PLAIN),
    "lz4": lz4.frame.compress(PLAIN),
    "zstd": zstd.compress(PLAIN),
}


@pytest.mark.parametrize("encoding", ENCODED)
@pytest.mark.parametrize("step", [997, 1 << 30])
def test_body_comes_out_whole_and_in_bounded_pieces(encoding: str, step: int) -> None:
    encoded = ENCODED[encoding]
    decode = decoder(encoding)
    pieces = [piece for at in range(0, len(encoded), step) for piece in decode.feed(encoded[at : at + step])]
    decode.finish()
    assert b"".join(pieces) == PLAIN
    assert not encoding or max(map(len, pieces)) <= UNPACKED_PIECE_BYTES_MAX


@pytest.mark.parametrize("encoding", ["gzip", "lz4", "zstd"])
def test_frames_one_after_the_other_are_one_body(encoding: str) -> None:
    decode = decoder(encoding)
    pieces = list(decode.feed(ENCODED[encoding] + ENCODED[encoding]))
    decode.finish()
    assert b"".join(pieces) == PLAIN + PLAIN


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "lz4", "zstd"])
def test_body_that_ends_early_is_refused(encoding: str) -> None:
    decode = decoder(encoding)
    list(decode.feed(ENCODED[encoding][:-1]))
    with pytest.raises(BadEncoding, match="ends too early"):
        decode.finish()


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "lz4", "zstd"])
def test_body_that_is_something_else_is_refused(encoding: str) -> None:
    with pytest.raises(BadEncoding, match="not valid"):
        list(decoder(encoding).feed(b"INSERT INTO t FORMAT TSV\n" * 100))


def test_unknown_encoding_is_refused_by_name() -> None:
    with pytest.raises(BadEncoding, match="'br' is not supported"):
        decoder("br")
