"""Streaming decompression of request bodies.

A body may be gzip, deflate, zstd or lz4, of any length. The decoder gives plain pieces of at most about a megabyte
each, so that a small compressed body cannot fill the memory.
"""

import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

from trackway.embedded.limits import UNPACKED_PIECE_BYTES_MAX


class BadEncoding(Exception):
    """The body is not what its Content-Encoding says, or that encoding is not supported."""


class Decoder(Protocol):
    """Decodes the pieces of an encoded body into pieces of the plain body."""

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """The plain bytes that `piece` completes. Raises BadEncoding."""
        ...

    def finish(self) -> None:
        """Raises BadEncoding when the body ended too early."""
        ...


class _Plain:
    def feed(self, piece: bytes) -> Iterator[bytes]:
        if piece:
            yield piece

    def finish(self) -> None:
        pass


class _Zlib:
    def __init__(self, window_bits: int) -> None:
        self._window_bits = window_bits
        self._object = zlib.decompressobj(window_bits)

    def feed(self, piece: bytes) -> Iterator[bytes]:
        while piece:
            try:
                plain = self._object.decompress(piece, UNPACKED_PIECE_BYTES_MAX)
            except zlib.error as error:
                raise BadEncoding(f"body is not valid gzip or deflate: {error}") from None
            piece = self._object.unconsumed_tail
            if self._object.eof:  # a body may have several gzip members
                piece = self._object.unused_data
                ended = self._object
                self._object = zlib.decompressobj(self._window_bits) if piece else ended
            if plain:
                yield plain

    def finish(self) -> None:
        if not self._object.eof:
            raise BadEncoding("compressed body ends too early")


class _Frames:
    """lz4 and zstd. Both libraries have an object with `decompress(data, max_length)`, `needs_input` and `eof`."""

    def __init__(self, new_object: Callable[[], "_FrameObject"], errors: tuple[type[Exception], ...]) -> None:
        self._new_object = new_object
        self._errors = errors
        self._object = new_object()
        self._begun = False

    def feed(self, piece: bytes) -> Iterator[bytes]:
        while piece or (self._begun and not self._object.eof and not self._object.needs_input):
            if self._object.eof:  # a body may have several frames
                self._object = self._new_object()
            self._begun = True
            try:
                plain = self._object.decompress(piece, UNPACKED_PIECE_BYTES_MAX)
            except self._errors as error:
                raise BadEncoding(f"body is not valid lz4 or zstd: {error}") from None
            piece = (self._object.unused_data or b"") if self._object.eof else b""
            if plain:
                yield plain

    def finish(self) -> None:
        if self._begun and not self._object.eof:
            raise BadEncoding("compressed body ends too early")


class _FrameObject(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes | None: ...
    def decompress(self, data: bytes, max_length: int = -1, /) -> bytes: ...


def decoder(encoding: str) -> Decoder:
    """The decoder for a Content-Encoding. Raises BadEncoding for one that is not supported."""
    match encoding.strip().lower():
        case "" | "identity":
            return _Plain()
        case "gzip" | "x-gzip":
            return _Zlib(31)
        case "deflate":
            return _Zlib(15)
        case "lz4":
            import lz4.frame  # type: ignore[import-untyped]  # noqa: PLC0415  only bodies that use it pay

            return _Frames(lz4.frame.LZ4FrameDecompressor, (RuntimeError,))
        case "zstd":
            from backports import zstd  # noqa: PLC0415

            return _Frames(zstd.ZstdDecompressor, (zstd.ZstdError,))
        case other:
            raise BadEncoding(f"content encoding {other!r} is not supported, use gzip, deflate, lz4 or zstd")
