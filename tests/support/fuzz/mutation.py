"""Damage for requests: what a broken client, proxy or attacker does to bytes that were fine.

`damaged` draws a request near a good one. Every draw is hypothesis' own, so that a failure shrinks and prints itself.
"""

from collections.abc import Sequence

from hypothesis import strategies as st

from tests.support.http.exchange import Request

TOKENS = (
    b"",
    b"\x00",
    b"\xff",
    b"\xed\xa0\x80",
    b"%",
    b"%zz",
    b"%00",
    b"&",
    b"&data=",
    b"data=",
    b"=",
    b"+",
    b"[",
    b"]",
    b"{",
    b"}",
    b"[[[[[[[[",
    b'"',
    b"\\",
    b"\\ud800",
    b"null",
    b"NaN",
    b"-",
    b"1e999",
    b"9" * 400,
    b"\x1f\x8b",
    b"\r\n",
    b"\xef\xbb\xbf",
)
NAMES = ("Content-Type", "Content-Encoding", "Authorization", "Accept-Encoding", "Origin", "X-Forwarded-For")
VALUES = st.one_of(
    st.sampled_from(["", "gzip", "gzip, gzip", "deflate", "application/json", "application/x-ndjson", "multipart/x"]),
    st.sampled_from(["Basic", "Basic Og==", "Basic :", "Bearer x", "null", "*", "a" * 3000]),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40),
)
PARAMETERS = st.sampled_from(
    [
        "verbose=1",
        "strict=1",
        "img=1",
        "callback=f",
        "callback=%3C",
        "redirect=%00",
        "ip=1",
        "project_id=%ff",
        "ip=%",
        "&",
    ]
)


@st.composite
def damaged_bytes(draw: st.DrawFn, good: bytes) -> bytes:
    """The bytes with one to four cuts, repeats, flips or insertions."""
    text = good
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        end = draw(st.integers(at, min(len(text), at + 20)))
        piece = draw(st.one_of(st.sampled_from(TOKENS), st.binary(max_size=8), st.just(text[at:end] * 3)))
        text = text[:at] + piece + text[end:]
    return text


@st.composite
def damaged(draw: st.DrawFn, good: Sequence[Request]) -> Request:
    """One of the requests with damaged body, headers or query; path and method stay."""
    request = draw(st.sampled_from(good))
    body = draw(damaged_bytes(request.body)) if request.body and draw(st.booleans()) else request.body
    headers = list(request.headers)
    if draw(st.integers(0, 2)) == 0:
        headers.append((draw(st.sampled_from(NAMES)), draw(VALUES)))
    path, _, query = request.target.partition("?")
    if query and not request.body:
        query = draw(damaged_bytes(query.encode())).decode("latin-1")
        query = "".join(each if "!" <= each <= "~" and each not in "#" else f"%{ord(each):02x}" for each in query)
    if draw(st.integers(0, 2)) == 0:
        query += "&" + draw(PARAMETERS)
    chunk_bytes = draw(st.sampled_from([0, 0, 0, 1, 16])) if len(body) < 2000 else 0
    return Request(request.method, f"{path}?{query}", tuple(headers), body, chunk_bytes)
