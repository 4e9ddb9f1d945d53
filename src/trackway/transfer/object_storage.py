"""Objects of S3 and of what speaks its protocol, by pyarrow's own client.

Keys, region and endpoint come from where every tool of AWS has them: the variables `AWS_ACCESS_KEY_ID`,
`AWS_SECRET_ACCESS_KEY`, `AWS_REGION` and `AWS_ENDPOINT_URL`, or the files of `~/.aws`.
"""

import os
from collections.abc import Iterator
from typing import IO, Any, Final, NamedTuple
from urllib.parse import urlsplit

from trackway.domain.errors import ConfigError, StateError

_SCHEME: Final = "s3://"


def is_object_url(place: str) -> bool:
    return place.startswith(_SCHEME)


class ObjectStorage(NamedTuple):
    """The objects below `path`, which is a bucket and a key or the beginning of keys. Methods raise StateError."""

    path: str
    files: Any

    def objects(self) -> Iterator[tuple[str, str, int]]:
        """Path, path from here, and size in bytes of the one object there, or of all objects below, in order."""
        from pyarrow import fs  # noqa: PLC0415

        try:
            at = self.files.get_file_info(self.path)
            if at.type == fs.FileType.File:
                yield self.path, self.path.rpartition("/")[2], at.size
                return
            below = self.files.get_file_info(fs.FileSelector(self.path, recursive=True))
        except OSError as error:
            raise StateError(f"{_SCHEME}{self.path} cannot be read: {_reason(error)}") from error
        begin = self.path.rstrip("/") + "/"
        for each in sorted(below, key=lambda info: str(info.path)):
            if each.type == fs.FileType.File and not each.base_name.startswith((".", "_")):
                yield each.path, each.path.removeprefix(begin), each.size

    def sizes_below(self) -> dict[str, int]:
        """By path from here, the bytes of all objects below, whatever their names."""
        from pyarrow import fs  # noqa: PLC0415

        try:
            below = self.files.get_file_info(fs.FileSelector(self.path, recursive=True, allow_not_found=True))
        except OSError as error:
            raise StateError(f"{_SCHEME}{self.path} cannot be read: {_reason(error)}") from error
        begin = self.path.rstrip("/") + "/"
        return {str(each.path).removeprefix(begin): int(each.size) for each in below if each.type == fs.FileType.File}

    def open(self, path: str) -> IO[bytes]:
        try:
            found: IO[bytes] = self.files.open_input_file(path)
        except OSError as error:
            raise StateError(f"{_SCHEME}{path} cannot be read: {_reason(error)}") from error
        return found


def object_storage(url: str) -> ObjectStorage:
    """The storage that `s3://BUCKET/KEY` names. Raises ConfigError for a URL without a bucket."""
    parts = urlsplit(url)
    if not parts.netloc or parts.query or parts.fragment:
        raise ConfigError(f"an address of S3 must be s3://BUCKET/KEY, not {url[:200]!r}")
    return ObjectStorage(f"{parts.netloc}/{parts.path.strip('/')}".rstrip("/"), _file_system())


def _file_system() -> Any:
    from pyarrow import fs  # noqa: PLC0415  a tenth of a second

    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
    parts = urlsplit(endpoint)
    given: dict[str, Any] = {"scheme": parts.scheme, "endpoint_override": parts.netloc} if parts.netloc else {}
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or ("us-east-1" if given else None)
    return fs.S3FileSystem(region=region, **given)


def _reason(error: OSError) -> str:
    return str(error).partition("\n")[0][:300]
