"""Why a request to the store failed, in one line for the operator: the address and the reason.

Input: an exception of the driver, which wraps one of urllib3, which wraps one of Python. Output: a sentence. It
separates failures of the connection (another server, a closed port, a frozen machine) from errors of ClickHouse.
"""

import re
import ssl
from collections.abc import Iterator
from http.client import BadStatusLine, RemoteDisconnected
from socket import gaierror
from typing import Final
from urllib.parse import SplitResult, unquote

from urllib3.exceptions import HTTPError, IncompleteRead, ProxyError
from urllib3.exceptions import TimeoutError as HTTPTimeoutError

from trackway.store.limits import CAUSE_CHARACTERS_MAX, CAUSES_MAX

AUTHENTICATION_CODES: Final = frozenset((192, 193, 194, 516))
"""ClickHouse's codes for a wrong user or password."""
UNKNOWN_DATABASE_CODE: Final = 81
_SERVER_SAYS: Final = re.compile(r"Code: \d+\. DB::Exception: .*")
_NO_VERSION: Final = "Unexpected response to server version query"
_STATUS: Final = re.compile(r"received HTTP status (\d+)")


def port_of(parts: SplitResult) -> int:
    """The port of a store's URL, by default ClickHouse's own."""
    return parts.port or (8443 if parts.scheme == "https" else 8123)


def database_of(parts: SplitResult) -> str:
    """The database of a store's URL."""
    return unquote(parts.path.strip("/")) or "default"


def diagnosis(error: Exception, parts: SplitResult, answer_s_max: int) -> str:
    """The sentence. `parts`: the store's URL; `answer_s_max`: the time limit of the answer in seconds."""
    host = parts.hostname or ""
    at = f"{f'[{host}]' if ':' in host else host}:{port_of(parts)}"
    code = getattr(error, "code", None)
    if code in AUTHENTICATION_CODES:
        return f"the store at {at} does not take the user and password of store_url: authentication failed"
    if code == UNKNOWN_DATABASE_CODE and database_of(parts) in str(error):
        return f"the store at {at} has no database {database_of(parts)!r}: create it, or correct store_url"
    if said := _SERVER_SAYS.search(str(error)):
        return f"store: {said[0].partition(' (for url ')[0][:CAUSE_CHARACTERS_MAX]}"
    return f"the store at {at} {_why(list(_causes(error)), answer_s_max)}"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The exception and its causes, from the outermost inwards."""
    for _ in range(CAUSES_MAX):
        if error is None:
            return
        yield error
        inner = [each for each in (getattr(error, "reason", None), *error.args) if isinstance(each, BaseException)]
        error = inner[-1] if inner else error.__cause__ or error.__context__


def _why(causes: list[BaseException], answer_s_max: int) -> str:
    for cause in reversed(causes):
        match cause:
            case ssl.SSLCertVerificationError():
                return f"has a certificate that is not trusted: {cause.verify_message}"
            case ssl.SSLError():
                return (
                    f"does not speak TLS as store_url has it: {(cause.reason or str(cause)).replace('_', ' ').lower()}"
                )
            case HTTPTimeoutError() | TimeoutError():
                return f"does not answer: nothing came within {answer_s_max} s"
            case gaierror():
                return f"is not known: {(cause.strerror or str(cause)).lower()}"
            case RemoteDisconnected() | IncompleteRead() | ConnectionResetError() | BrokenPipeError():
                return "closed the connection before its answer was whole"
            case BadStatusLine():
                return "is no ClickHouse: it does not speak HTTP"
            case OSError(strerror=str(reason)) if not isinstance(cause, HTTPError):
                behind = " through the proxy" if any(isinstance(each, ProxyError) for each in causes) else ""
                return f"does not answer{behind}: {reason.lower()}"
    return _unlike_clickhouse(causes)


def _unlike_clickhouse(causes: list[BaseException]) -> str:
    """The sentence for an answer that is not ClickHouse's, or for a failure that is not of the connection."""
    first = str(causes[0])
    if status := _STATUS.search(first):
        return f"is no ClickHouse: it answered with HTTP status {status[1]}"
    if first.startswith(_NO_VERSION):
        return "is no ClickHouse: it answered with something else"
    return f"failed: {' '.join(first.split())[:CAUSE_CHARACTERS_MAX]}"
