"""Every encoding of a request's JSON (protocol §2): what comes out, what is refused, and that all of it is bounded."""

import base64
import gzip
import json
import time
import zlib
from collections.abc import Callable, Mapping
from string import ascii_letters, digits
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.examples import examples
from trackway.domain.errors import RequestError
from trackway.edge.limits import FORM_FIELDS_MAX, GZIP_MEMBERS_MAX, UNKNOWN_BYTES_MAX
from trackway.edge.wire.decode import Decoded, decode_request, gunzip, parse_query, read_query
from trackway.ingest.split import MalformedBody

BYTES_MAX = 100_000
TEXT = '[{"event":"a+b & c=d ü 😀 ~~~???>>>","properties":{"x":"%7B"}}]'.encode()
BASE64 = base64.b64encode(TEXT)
BROWSER_TEXT = TEXT.replace("😀".encode(), b"\xed\xa0\xbd\xed\xb8\x80")  # each half of a surrogate pair on its own
URL_SAFE = base64.urlsafe_b64encode(TEXT)
FORM = b"application/x-www-form-urlencoded"
MULTIPART = b"multipart/form-data; boundary=BoUnD"
MARK = b"\xef\xbb\xbf"
UNRESERVED = frozenset(f"{ascii_letters}{digits}_.-~%".encode())
"""The bytes that percent-encoding keeps, and the percent sign itself."""


def parts(*fields: tuple[bytes, bytes], boundary: bytes = b"--BoUnD", more: bytes = b"") -> bytes:
    """A form in parts, as curl writes it; `more` stands in the head of each part."""
    head = b'%b\r\nContent-Disposition: form-data; name="%b"%b\r\n\r\n%b\r\n'
    return b"".join(head % (boundary, name, more, value) for name, value in fields) + boundary + b"--\r\n"


def decode(
    body: bytes = b"",
    *,
    query: bytes = b"",
    content_type: bytes = b"",
    encoding: bytes = b"",
    bytes_max: int = BYTES_MAX,
) -> Decoded:
    return decode_request(read_query(query), content_type, encoding, body, bytes_max)


def fault_of(body: bytes = b"", *, query: bytes = b"", encoding: bytes = b"") -> str:
    with pytest.raises(MalformedBody) as caught:
        decode(body, query=query, encoding=encoding)
    return str(caught.value)


def percent(value: bytes) -> bytes:
    """The same as `quote`, but quick for large bodies."""
    encoded = value.replace(b"%", b"%25")
    for byte in set(value) - UNRESERVED:
        encoded = encoded.replace(bytes([byte]), b"%%%02X" % byte)
    return encoded


assert percent(bytes(range(256)) * 2) == quote(bytes(range(256)) * 2, safe="").encode()

assert b"+" in BASE64 and b"/" in BASE64, "the text is one whose base64 needs care"

# (name, content type, body)
BODIES: list[tuple[str, bytes, bytes]] = [
    ("json", b"application/json", TEXT),
    ("json with a charset", b"application/json; charset=utf-8", TEXT),
    ("json called text", b"text/plain", TEXT),
    ("json called a form", FORM, TEXT),
    ("json called nothing", b"", TEXT),
    ("json after whitespace", b"", b" \r\n\t" + TEXT),
    ("form of percent-encoded json", FORM, b"data=" + percent(TEXT)),
    ("form of percent-encoded base64", FORM, b"data=" + percent(BASE64)),
    ("form of raw base64", FORM, b"data=" + BASE64),
    ("form of raw base64 without padding", FORM, b"data=" + BASE64.rstrip(b"=")),
    ("form of url-safe base64", FORM, b"data=" + URL_SAFE),
    ("form of url-safe base64 without padding", FORM, b"data=" + URL_SAFE.rstrip(b"=")),
    ("form of base64 in lines", FORM, b"data=" + percent(b"\r\n".join([BASE64[:20], BASE64[20:]]))),
    ("form with other fields", FORM, b"verbose=1&data=" + percent(TEXT) + b"&ip=0"),
    ("form whose name is encoded", FORM, b"d%61ta=" + percent(TEXT)),
    ("form of the browser's own base64", FORM, b"data=" + percent(base64.b64encode(BROWSER_TEXT))),
    ("form called text", b"text/plain;charset=UTF-8", b"data=" + percent(BASE64)),
    ("form called json", b"application/json", b"data=" + percent(BASE64)),
    ("form called nothing", b"", b"data=" + percent(BASE64)),
    ("json behind a mark", b"application/json", MARK + TEXT),
    ("form of json behind a mark", FORM, b"data=" + percent(MARK + TEXT)),
    ("form of base64 of json behind a mark", FORM, b"data=" + percent(base64.b64encode(MARK + TEXT))),
    ("form of base64 behind a mark", FORM, b"data=" + percent(MARK + BASE64)),
    ("form behind a mark", FORM, MARK + b"data=" + percent(BASE64)),
    ("parts with json", MULTIPART, parts((b"data", TEXT))),
    ("parts with base64", MULTIPART, parts((b"data", BASE64))),
    ("parts with url-safe base64", MULTIPART, parts((b"data", URL_SAFE))),
    ("parts with json behind a mark", MULTIPART, parts((b"data", MARK + TEXT))),
    ("parts with other fields", MULTIPART, parts((b"verbose", b"1"), (b"data", TEXT), (b"data", b"second"))),
    ("parts called nothing", b"", parts((b"data", TEXT))),
    ("parts behind an empty line", MULTIPART, b"\r\n" + parts((b"data", TEXT))),
    ("parts with a long boundary", MULTIPART, parts((b"data", TEXT), boundary=b"--" + b"b" * 70)),
    ("parts with a file", MULTIPART, parts((b"data", TEXT), more=b'; filename="a.json"\r\nContent-Type: text/plain')),
    (
        "parts as others write them",
        MULTIPART,
        b"--b \r\nContent-Type: text/plain; name=other\r\ncontent-disposition:form-data;filename=name;NAME=data\r\n\r\n"
        + TEXT
        + b"\r\n--b--",
    ),
]


@pytest.mark.parametrize(("name", "content_type", "body"), BODIES, ids=[row[0] for row in BODIES])
def test_every_encoding_gives_the_json(name: str, content_type: bytes, body: bytes) -> None:
    plain = decode(body, content_type=content_type)
    assert (plain.text.strip(), plain.lines) == (TEXT, False)
    for encoding in (b"gzip", b"x-gzip", b"GZip", b" gzip ", b""):
        packed = decode(gzip.compress(body), content_type=content_type, encoding=encoding)
        assert packed == plain


@pytest.mark.parametrize(("name", "content_type", "body"), BODIES, ids=[row[0] for row in BODIES])
def test_a_body_that_a_proxy_has_unpacked_is_taken_though_its_header_says_gzip(
    name: str, content_type: bytes, body: bytes
) -> None:
    for encoding in (b"gzip", b"x-gzip", b" GZip"):
        assert decode(body, content_type=content_type, encoding=encoding) == decode(body, content_type=content_type)


def test_fields_in_parts_are_parameters_as_those_of_a_form_are() -> None:
    body = parts((b"verbose", b"1"), (b"ip", b"0"), (b"data", TEXT), ("ü".encode(), "✓".encode()))
    assert decode(body, query=b"ip=1").parameters == {
        "verbose": "1",
        "ip": "1",
        "data": TEXT.decode("latin-1"),
        "ü".encode().decode("latin-1"): "✓".encode().decode("latin-1"),
    }


LARGE = json.dumps([{"event": "a", "properties": {"token": "known", "x": "ü+/" * 50}}] * 12_000).encode()
LARGE_PERCENT = percent(LARGE)
LARGE_BASE64 = base64.b64encode(LARGE)
LARGE_BODIES = {
    "json": LARGE,
    "json behind a mark": MARK + LARGE,
    "form of json": b"verbose=1&data=" + LARGE_PERCENT,
    "form of base64": b"data=" + percent(LARGE_BASE64),
    "form of bare base64": b"data=" + LARGE_BASE64,
    "form of json behind a mark": b"data=" + percent(MARK) + LARGE_PERCENT,
    "form of base64 of json behind a mark": b"data=" + percent(base64.b64encode(MARK + LARGE)),
    "form of base64 behind a mark": b"data=" + percent(MARK + LARGE_BASE64),
    "form behind a mark": MARK + b"data=" + LARGE_BASE64,
    "parts with json": parts((b"data", LARGE)),
    "parts with base64": parts((b"verbose", b"1"), (b"data", LARGE_BASE64)),
    "parts with base64 of json behind a mark": parts((b"data", base64.b64encode(MARK + LARGE))),
}


@pytest.mark.parametrize("name", LARGE_BODIES)
def test_a_large_body_that_names_a_project_is_taken_in_every_encoding(name: str) -> None:
    assert len(LARGE) > UNKNOWN_BYTES_MAX
    for body, encoding in (
        (LARGE_BODIES[name], b""),
        (LARGE_BODIES[name], b"gzip"),
        (gzip.compress(LARGE_BODIES[name], 1), b"gzip"),
    ):
        assert (
            decode_request(read_query(b""), b"", encoding, body, 1 << 26, lambda text: b'"token": "known"' in text).text
            == LARGE
        )
        with pytest.raises(RequestError) as caught:
            decode_request(read_query(b""), b"", encoding, body, 1 << 26, lambda _: False)
        assert caught.value.status == 413


BROKEN_PARTS = [
    (b"--", "must begin with its boundary"),
    (b"--\r\n\r\n", "must begin with its boundary"),
    (b"--" + b"b" * 71 + b"\r\n", "must begin with its boundary"),
    (b"--b\r\n" + TEXT + b"\r\n--b--", "part 0 has no name"),
    (b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--", "part 0 has no name"),
    (b"--b\r\nContent-Disposition: attachment; name=data\r\n\r\nx\r\n--b--", "part 0 has no name"),
    (b"--b\r\n" + b"x" * 5000 + b"\r\n\r\nx\r\n--b--", "part 0 has no name"),
    (parts((b"data", TEXT))[:40] + b"\r\n--BoUnD\r\n\r\n", "part 0 has no name"),
]


@pytest.mark.parametrize(("body", "why"), BROKEN_PARTS, ids=[repr(row[0])[:40] for row in BROKEN_PARTS])
def test_parts_that_are_none_are_named(body: bytes, why: str) -> None:
    assert fault_of(body) == f"data, not valid multipart: {why}"
    assert fault_of(b"--b\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n--b--") == "data, missing or empty"


def test_more_parts_than_any_client_sends_are_a_fault() -> None:
    fields = [(b"k%d" % number, b"") for number in range(FORM_FIELDS_MAX - 1)]
    assert decode(parts(*fields, (b"data", TEXT))).text == TEXT
    assert "64 form fields" in fault_of(parts(*fields, (b"data", TEXT), (b"more", b"")))
    assert "64 form fields" in fault_of(b"--b\r\n" * 1_000_000)


def test_parts_are_found_in_a_time_that_follows_their_length() -> None:
    boundary = b"--" + b"a" * 69 + b"b"
    near = (b"\r\n" + boundary[:-1] + b"a") * 4000
    started_s = time.process_time()
    assert decode(parts((b"data", TEXT), (b"near", near * 10), boundary=boundary), bytes_max=1 << 25).text == TEXT
    taken_s = time.process_time() - started_s
    started_s = time.process_time()
    assert decode(parts((b"data", TEXT), (b"near", near), boundary=boundary), bytes_max=1 << 25).text == TEXT
    assert taken_s < 100 * max(time.process_time() - started_s, 1e-3)


@pytest.mark.parametrize("value", [BASE64, BASE64.rstrip(b"="), URL_SAFE, percent(BASE64), percent(TEXT)])
def test_a_query_string_gives_the_json(value: bytes) -> None:
    decoded = decode(query=b"data=" + value + b"&verbose=1")
    assert (decoded.text, decoded.lines, decoded.parameters["verbose"]) == (TEXT, False, "1")


@settings(max_examples=examples(150))
@given(st.dictionaries(st.text(), st.integers() | st.text()), st.sampled_from([percent, bytes]), st.booleans())
def test_any_json_survives_base64_in_a_form(
    value: Mapping[str, object], wrap: Callable[[bytes], bytes], safe: bool
) -> None:
    text = str(value).encode("utf-8", "surrogatepass")
    encoded = base64.urlsafe_b64encode(text) if safe else base64.b64encode(text)
    assert decode(b"data=" + wrap(encoded)).text == text
    assert decode(query=b"data=" + wrap(encoded)).text == text


@pytest.mark.parametrize(
    "content_type", [b"application/x-ndjson", b"APPLICATION/NDJSON ; charset=utf-8", b"application/jsonl"]
)
def test_lines_are_told_by_their_content_type(content_type: bytes) -> None:
    body = b'{"event":"a"}\n{"event":"b"}\n'
    assert decode(body, content_type=content_type) == Decoded(body, True, {})
    assert decode(gzip.compress(body), content_type=content_type, encoding=b"gzip").lines
    assert not decode(body, content_type=b"application/json").lines


@pytest.mark.parametrize(
    ("encoding", "named"),
    [(b"br", ", not 'br'"), (b"Deflate ", ", not 'deflate'"), (b"gzip, gzip", ""), (b"\xff", ""), (b"f" * 32, "")],
)
def test_a_content_encoding_other_than_gzip_is_named_where_it_looks_like_one(encoding: bytes, named: str) -> None:
    assert fault_of(TEXT, encoding=encoding) == f"data, content-encoding must be gzip{named}"


@pytest.mark.parametrize("body", [b"", b" \n", b"data=", b"data=%20", b"verbose=1", b"data", b"=x", b"data=="])
def test_no_data_at_all_is_named(body: bytes) -> None:
    assert fault_of(body) == "data, missing or empty"
    assert fault_of(gzip.compress(body), encoding=b"gzip") == "data, missing or empty"


def test_a_body_goes_before_the_data_of_the_query() -> None:
    assert decode(TEXT, query=b"data=x").text == TEXT
    assert decode(b"data=" + BASE64, query=b"data=x").text == TEXT


def test_a_parameter_of_the_query_goes_before_one_of_the_form() -> None:
    decoded = decode(b"verbose=1&ip=1&data=" + BASE64, query=b"verbose=2&strict=1")
    assert {name: decoded.parameters[name] for name in ("verbose", "ip", "strict")} == {
        "verbose": "2",
        "ip": "1",
        "strict": "1",
    }


# (value of data, why it is no base64)
NOT_BASE64: list[tuple[bytes, str]] = [
    (b"!!!!", "unexpected character at byte 0"),
    (b"abc*", "unexpected character at byte 3"),
    (b"YWJj.YWJj", "unexpected character at byte 4"),
    (b"YWJj=YWJj", "unexpected character at byte 4"),
    (b"%FF%FE", "unexpected character at byte 0"),
]


@pytest.mark.parametrize(("value", "why"), NOT_BASE64, ids=[repr(row[0]) for row in NOT_BASE64])
def test_what_is_neither_json_nor_base64_is_named_with_its_byte(value: bytes, why: str) -> None:
    assert fault_of(b"data=" + value) == f"data, not valid base64 or JSON: {why}"
    assert fault_of(query=b"data=" + value) == f"data, not valid base64 or JSON: {why}"


def test_base64_of_an_impossible_length_is_a_fault() -> None:
    assert fault_of(b"data=abcde").startswith("data, not valid base64 or JSON: ")


@settings(max_examples=examples(300))
@given(
    st.binary(max_size=60),
    st.sampled_from([b"", b"data=", b"data=%7B", b"\x1f\x8b", b"{"]),
    st.binary(max_size=30),
    st.sampled_from([b"", b"gzip", b"br"]),
    st.sampled_from([b"", b"application/x-ndjson", b"\xff", FORM]),
)
def test_any_bytes_are_decoded_or_malformed(
    body: bytes, head: bytes, query: bytes, encoding: bytes, content_type: bytes
) -> None:
    try:
        decoded = decode_request(read_query(query), content_type, encoding, head + body, BYTES_MAX)
    except MalformedBody as fault:
        assert str(fault).startswith("data, ")
    else:
        assert decoded.text


@pytest.mark.parametrize("members", [1, 2, 3, GZIP_MEMBERS_MAX])
def test_members_of_gzip_are_joined(members: int) -> None:
    step = len(TEXT) // members + 1
    parts = [gzip.compress(TEXT[at : at + step]) for at in range(0, len(TEXT), step)]
    parts += [gzip.compress(b"")] * (members - len(parts))
    assert gunzip(b"".join(parts), BYTES_MAX) == TEXT
    assert gunzip(b"".join(parts) + b"\0" * 512, BYTES_MAX) == TEXT


def test_more_members_of_gzip_than_any_tool_writes_are_refused() -> None:
    with pytest.raises(MalformedBody, match="more than 1000 gzip members"):
        gunzip(gzip.compress(b"") * (GZIP_MEMBERS_MAX + 1), BYTES_MAX)


def test_a_body_of_tiny_members_costs_no_more_than_its_length() -> None:
    def seconds(members: int) -> float:
        body = gzip.compress(b"") * members
        started_s = time.perf_counter()
        with pytest.raises(MalformedBody):
            gunzip(body, BYTES_MAX)
        return time.perf_counter() - started_s

    assert seconds(500_000) < 100 * max(seconds(5000), 1e-3)


@pytest.mark.parametrize("pieces", [1, 2, 5])
@pytest.mark.parametrize("fill", [b"a", None])
def test_a_body_is_unpacked_up_to_the_limit_and_no_further(pieces: int, fill: bytes | None) -> None:
    noise = bytes(range(256)) * 4
    content = (fill * BYTES_MAX if fill else zlib.compress(noise * 500, 0))[:BYTES_MAX]
    step = len(content) // pieces + 1
    packed = b"".join(gzip.compress(content[at : at + step]) for at in range(0, len(content), step))
    assert gunzip(packed, len(content)) == content
    with pytest.raises(RequestError) as caught:
        gunzip(packed, len(content) - 1)
    assert (caught.value.status, caught.value.message) == (
        413,
        f"request exceeds max limit of {len(content) - 1} bytes",
    )


def test_a_large_body_in_several_pieces_is_unpacked() -> None:
    noise = b"".join(zlib.crc32(b"%d" % number).to_bytes(4, "little") for number in range(300_000))
    assert gunzip(gzip.compress(noise) + gzip.compress(noise), 2 * len(noise)) == noise + noise


@pytest.mark.parametrize("members", [1, 20])
def test_a_bomb_is_refused_without_being_unpacked(members: int) -> None:
    bomb = gzip.compress(b"\0" * 50_000_000) * members
    with pytest.raises(RequestError) as caught:
        decode(bomb, encoding=b"gzip")
    assert caught.value.status == 413


@settings(max_examples=examples(100))
@given(st.integers(0, 2), st.data())
def test_gzip_cut_anywhere_is_a_fault(members: int, data: st.DataObject) -> None:
    packed = gzip.compress(TEXT, mtime=0)
    length = data.draw(st.integers(1, len(packed) - 1))
    body = packed * members + packed[:length]
    if members and length < 2:
        assert gunzip(body, BYTES_MAX) == TEXT * members  # one byte behind a member is padding
    else:
        assert fault_of(body, encoding=b"gzip") == f"data, not valid gzip: ends too early at byte {len(body)}"


@settings(max_examples=examples(150))
@given(st.integers(0, len(gzip.compress(TEXT)) - 1), st.integers(1, 255))
def test_gzip_with_a_changed_byte_is_a_fault_or_the_same(at: int, change: int) -> None:
    body = bytearray(gzip.compress(TEXT, mtime=0))
    body[at % len(body)] ^= change
    try:
        assert gunzip(bytes(body), BYTES_MAX) == TEXT
    except MalformedBody as fault:
        assert str(fault).startswith("data, not valid gzip")


@pytest.mark.parametrize(
    "body", [b"x", b"hello", b"hello world", b"\x1f\x8b\x08", b"\x1f\x8b" + b"\0" * 30, zlib.compress(TEXT)]
)
def test_what_claims_to_be_gzip_and_is_not_is_a_fault(body: bytes) -> None:
    assert fault_of(body, encoding=b"gzip").startswith("data, not valid gzip")


# Each query string and its parameters.
QUERIES: list[tuple[bytes, dict[str, str]]] = [
    (b"", {}),
    (b"a=1", {"a": "1"}),
    (b"a=1&a=2", {"a": "1"}),
    (b"a", {"a": ""}),
    (b"a=&b==", {"a": "", "b": "="}),
    (b"&&a=1&", {"a": "1"}),
    (b"=1", {}),
    (b"a=b+c%2B", {"a": "b c+"}),
    (b"a=%zz%4", {"a": "%zz%4"}),
    (b"%61=%C3%BC", {"a": "\xc3\xbc"}),
    (b"a=\xff", {"a": "\xff"}),
    (b"a=" + b"x" * 200, {"a": "x" * 200}),
    (b"a=1;b=2", {"a": "1;b=2"}),
]


@pytest.mark.parametrize(("query", "parameters"), QUERIES, ids=[repr(row[0])[:30] for row in QUERIES])
def test_parameters_are_read(query: bytes, parameters: dict[str, str]) -> None:
    assert parse_query(query) == parameters


def test_more_fields_than_any_client_sends_are_a_fault() -> None:
    assert len(parse_query(b"&".join(b"k%d=" % number for number in range(FORM_FIELDS_MAX)))) == FORM_FIELDS_MAX
    with pytest.raises(MalformedBody, match="64 form fields"):
        parse_query(b"a=1&" * FORM_FIELDS_MAX + b"b=2")
    assert "64 form fields" in fault_of(b"&" * 1_000_000)
