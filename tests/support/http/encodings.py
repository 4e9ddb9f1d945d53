"""How clients wrap JSON text into a request body or a query string (protocol §2).

Each function takes the JSON text and gives the bytes to send. `recorded/` holds what the real SDKs sent, and
`test_recordings.py` shows that these functions give the same bytes.
"""

import gzip
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from urllib.parse import quote, quote_plus

Encoding = Callable[[bytes], bytes]

FORM = ("Content-Type", "application/x-www-form-urlencoded")
JSON = ("Content-Type", "application/json")
NDJSON = ("Content-Type", "application/x-ndjson")
TEXT = ("Content-Type", "text/plain;charset=UTF-8")
GZIP = ("Content-Encoding", "gzip")


def as_is(text: bytes) -> bytes:
    """The JSON text itself: Swift, Go, the documented examples."""
    return text


def raw_form(after: str = "", before: str = "") -> Encoding:
    """`data=` with the JSON text percent-encoded as a form does, blanks as `+`: Python."""
    return lambda text: b"%bdata=%b%b" % (before.encode(), quote_plus(text).encode(), after.encode())


def base64_form(after: str = "", before: str = "") -> Encoding:
    """`data=` with base64, percent-encoded: browser, Java, Android, Ruby."""
    return lambda text: b"%bdata=%b%b" % (before.encode(), quote(b64encode(text), safe="").encode(), after.encode())


def cesu8(text: bytes) -> bytes:
    """Each half of a surrogate pair as three bytes of its own, as the browser SDK's encoder writes it."""
    units = text.decode().encode("utf-16-le")
    each = (int.from_bytes(units[at : at + 2], "little") for at in range(0, len(units), 2))
    return "".join(map(chr, each)).encode("utf-8", "surrogatepass")


def browser_form(text: bytes) -> bytes:
    """`data=` with percent-encoded base64 of CESU-8: browser, unless it sends JSON."""
    return base64_form()(cesu8(text))


def browser_json_form(text: bytes) -> bytes:
    """`data=` with the JSON text, percent-encoded as JavaScript does: browser with `api_payload_format: 'json'`."""
    return b"data=" + quote(text, safe="!'()*").encode()


def bare_base64_form(after: str = "", before: str = "") -> Encoding:
    """`data=` with base64 whose `+ / =` stand as they are: Node batches, PHP."""
    return lambda text: b"%bdata=%b%b" % (before.encode(), b64encode(text), after.encode())


def urlsafe_base64_form(text: bytes) -> bytes:
    """`data=` with the URL-safe alphabet and no padding."""
    return b"data=" + urlsafe_b64encode(text).rstrip(b"=")


def wrapped_base64_form(text: bytes) -> bytes:
    """`data=` with base64 broken into lines of 60, as Ruby's and MIME encoders do."""
    encoded = b64encode(text)
    lines = b"\n".join(encoded[start : start + 60] for start in range(0, len(encoded), 60)) + b"\n"
    return b"data=" + quote_plus(lines).encode()


def gzipped(encoding: Encoding = as_is) -> Encoding:
    """Any of the above, the whole body packed: Swift, Go, Java, Android, import tools."""
    return lambda text: gzip.compress(encoding(text), mtime=0)


def in_query(path: str, parameters: str = "", encoding: str = "base64") -> Callable[[bytes], str]:
    """A GET target with the data in its query string: Node singles, pixel URLs, browser with `api_method: 'GET'`."""
    coders: dict[str, Callable[[bytes], str]] = {
        "base64": lambda text: quote(b64encode(text), safe=""),
        "bare base64": lambda text: b64encode(text).decode(),
        "urlsafe": lambda text: urlsafe_b64encode(text).decode(),
        "urlsafe unpadded": lambda text: urlsafe_b64encode(text).decode().rstrip("="),
        "raw": lambda text: quote(text, safe=""),
    }
    return lambda text: f"{path}?{parameters}data={coders[encoding](text)}"


MULTIPART = ("Content-Type", "multipart/form-data; boundary=------------------------b1f1")


def multipart_form(encoding: Encoding = as_is, **more: str) -> Encoding:
    """`data` and other fields in parts: PHP's curl given an array, Postman's form-data, `curl -F`."""

    def wrap(text: bytes) -> bytes:
        fields = {name: value.encode() for name, value in more.items()} | {"data": encoding(text)}
        boundary = b"--------------------------b1f1"
        part = boundary + b'\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n'
        return b"".join(part % (name.encode(), value) for name, value in fields.items()) + boundary + b"--\r\n"

    return wrap


def marked(encoding: Encoding = as_is) -> Encoding:
    """Any of the above of a text behind a byte order mark: .NET, PowerShell."""
    return lambda text: encoding(b"\xef\xbb\xbf" + text)
