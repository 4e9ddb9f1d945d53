"""Forms as `multipart/form-data` (RFC 7578), as PHP's curl, Postman and `curl -F` send them.

Bytes arrive, fields leave, each value unchanged, its bytes as latin-1 characters as in other forms. The boundary is the
body's first line; the content type is not read. A file counts as the field that has its name.
"""

import re
from collections.abc import Mapping
from typing import Final

from trackway.edge.limits import FORM_FIELDS_MAX, MULTIPART_BOUNDARY_BYTES_MAX, MULTIPART_HEAD_BYTES_MAX
from trackway.ingest.split import MalformedBody

_LINE_END: Final = b"\r\n"
_name_in = re.compile(
    rb'^content-disposition:[ \t]*form-data(?=[;\s])(?:[^\r\n]*?[;\s])name=(?:"([^"\r\n]*)"|([^\s";]+))', re.I | re.M
).search


def looks_multipart(body: bytes) -> bool:
    return body[: MULTIPART_BOUNDARY_BYTES_MAX + 4].lstrip(_LINE_END).startswith(b"--")


def multipart_fields(body: bytes) -> Mapping[str, str]:
    """The fields; the first of a name wins. Raises MalformedBody for what is none, and for too many of them."""
    body = body.lstrip(_LINE_END)
    boundary = body[: MULTIPART_BOUNDARY_BYTES_MAX + 2].partition(_LINE_END)[0].rstrip(b" \t")
    if not 2 < len(boundary) <= MULTIPART_BOUNDARY_BYTES_MAX:
        raise MalformedBody("data, not valid multipart: must begin with its boundary")
    parts = (_LINE_END + body).split(_LINE_END + boundary, FORM_FIELDS_MAX + 2)
    if len(parts) > FORM_FIELDS_MAX + 2:
        raise MalformedBody(f"data, must not have more than {FORM_FIELDS_MAX} form fields")
    fields: dict[str, str] = {}
    for number, part in enumerate(parts[1:]):
        if part.startswith(b"--"):
            break
        name, value = _field(part, number)
        fields.setdefault(name, value)
    return fields


def _field(part: bytes, number: int) -> tuple[str, str]:
    end = part.find(_LINE_END * 2, 0, MULTIPART_HEAD_BYTES_MAX)
    found = _name_in(part[:end]) if end >= 0 else None
    if found is None:
        raise MalformedBody(f"data, not valid multipart: part {number} has no name")
    return (found[1] or found[2] or b"").decode("latin-1"), part[end + 4 :].decode("latin-1")
