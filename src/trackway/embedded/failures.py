"""Errors as ClickHouse reports them over HTTP: a status, a code in a header, one line of text.

The statuses follow ClickHouse's own table for the codes that a client can act on. All others are a 500.
"""

from trackway.embedded.content_encoding import BadEncoding
from trackway.embedded.engine import EngineError
from trackway.embedded.statement import RefusedStatement

# ClickHouse itself answers some of these codes with 500 or 200. Here the status must show a client the difference.
_STATUS_OF_CODES = {
    400: "6 25 26 27 32 33 36 38 41 42 43 53 62 69 70 72 115 117 130 131 190 306 377 456 457",
    403: "164 291 497 516",
    404: "16 46 47 50 56 60 63 73 78 81",
    408: "159",
    413: "396 593",
    501: "48 344",
    503: "202 243 439",
}
STATUS = {code: status for status, codes in _STATUS_OF_CODES.items() for code in map(int, codes.split())}

NAMES = {
    36: "BAD_ARGUMENTS",
    48: "NOT_IMPLEMENTED",
    62: "SYNTAX_ERROR",
    115: "UNKNOWN_SETTING",
    164: "READONLY",
    243: "NOT_ENOUGH_SPACE",
    497: "ACCESS_DENIED",
    516: "AUTHENTICATION_FAILED",
    593: "REQUEST_IS_TOO_LARGE",
    1001: "STD_EXCEPTION",
}


class Refusal(Exception):
    """A request that this server refuses itself. `code` is the nearest ClickHouse error code."""

    def __init__(self, code: int, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.status = STATUS.get(code, 400) if status is None else status


def rendered(error: Refusal | EngineError | RefusedStatement | BadEncoding | OSError) -> tuple[int, int, bytes]:
    """(HTTP status, ClickHouse code, body) for an error."""
    match error:
        case EngineError(code=code):
            return STATUS.get(code, 500), code, f"{error}\n".encode(errors="replace")
        case Refusal(code=code, status=status):
            return status, code, _text(code, str(error))
        case RefusedStatement(code=code):
            return STATUS.get(code, 400), code, _text(code, str(error))
        case BadEncoding():
            return 400, 36, _text(36, str(error))
        case OSError():  # the spool cannot be written: the disk is full or fails
            return 503, 243, _text(243, f"cannot spool the rows: {error}")


def _text(code: int, message: str) -> bytes:
    return f"Code: {code}. DB::Exception: {message}. ({NAMES[code]})\n".encode(errors="replace")
