"""A request to the ClickHouse HTTP interface, without its body.

An ASGI scope arrives. A `Request` leaves: credentials, statement text, parameters, settings, database. Names that are
neither ClickHouse's own nor in the list of settings below are refused, as the engine itself would refuse them.
"""

import base64
import binascii
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from trackway.embedded.failures import Refusal

USER = "trackway"

# Parameters of the interface without a meaning here: there is one server, no session, no quota, no compression in
# ClickHouse's own framing, and one client, which says of its reads that they change nothing.
_WITHOUT_EFFECT_WORDS = """
readonly
session_id session_timeout session_check role buffer_size client_protocol_version
send_progress_in_http_headers http_headers_progress_interval_ms cancel_http_readonly_queries_on_client_close
enable_http_compression http_zlib_compression_level http_write_exception_in_output_format user password
"""
_WITHOUT_EFFECT = frozenset(_WITHOUT_EFFECT_WORDS.split())

# Settings that a request may change. With none of them a query reaches outside the store or past the server's limits.
_SETTINGS_WORDS = """
max_threads max_block_size max_execution_time timeout_before_checking_execution_speed max_memory_usage
max_rows_to_read max_bytes_to_read max_result_rows max_result_bytes result_overflow_mode read_overflow_mode
max_insert_block_size min_insert_block_size_rows min_insert_block_size_bytes max_insert_threads
max_partitions_per_insert_block optimize_on_insert throw_on_max_partitions_per_insert_block insert_deduplicate
insert_deduplication_token date_time_input_format date_time_output_format cast_string_to_dynamic_use_inference
final do_not_merge_across_partitions_select_final optimize_read_in_order optimize_aggregation_in_order
optimize_use_projections force_optimize_projection join_use_nulls join_algorithm max_rows_in_set
max_bytes_before_external_group_by max_bytes_before_external_sort group_by_overflow_mode max_rows_to_group_by
max_query_size max_ast_elements max_expanded_ast_elements max_rows_in_join mutations_sync alter_sync
use_query_condition_cache use_skip_indexes use_skip_indexes_on_data_read extremes optimize_move_to_prewhere
preferred_block_size_bytes os_threads_nice_value_query
"""
SETTINGS = frozenset(_SETTINGS_WORDS.split())
_SETTING_PREFIXES = ("input_format_", "output_format_", "format_")


@dataclass(slots=True)
class Request:
    """One request. `parameters` are the values for `{name:Type}`, as ClickHouse's escaped text."""

    method: str
    path: str
    headers: dict[str, str]
    query: str = ""
    database: str = "default"
    default_format: str = "TabSeparated"
    query_id: str = ""
    quota_key: str = ""
    wait_end: bool = False
    parameters: dict[str, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    credentials: tuple[str, str] | None = None

    def take(self, name: str, value: str) -> None:
        """Apply one name and value of the URL or of a form. Raises Refusal for a name that is not allowed."""
        match name:
            case "query":
                self.query += value
            case "database":
                self.database = value or "default"
            case "default_format":
                self.default_format = value
            case "query_id":
                self.query_id = value
            case "quota_key":
                self.quota_key = value
            case "wait_end_of_query":
                self.wait_end = value == "1"
            case "compress" | "decompress":
                if value not in {"", "0"}:
                    raise Refusal(48, f"{name}=1 is not supported, use Content-Encoding and Accept-Encoding")
            case _ if name.startswith("param_"):
                self.parameters[name.removeprefix("param_")] = value
            case _ if name in SETTINGS or (name.startswith(_SETTING_PREFIXES) and name.isidentifier()):
                self.settings[name] = value
            case _ if name not in _WITHOUT_EFFECT:
                raise Refusal(115, f"setting {name} is unknown or may not be changed by a request")


def read_request(scope: dict[str, Any]) -> Request:
    """The request of an ASGI scope. Raises Refusal."""
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    request = Request(scope["method"], scope["path"], headers)
    pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True, errors="surrogateescape")
    request.credentials = _credentials(headers, dict(pairs))
    for name, value in pairs:
        request.take(name, value)
    request.default_format = headers.get("x-clickhouse-format", request.default_format)
    request.database = headers.get("x-clickhouse-database", request.database)
    return request


def authenticate(request: Request, password: str) -> None:
    """Raises Refusal 516 unless the request has our user and password. The comparison takes constant time."""
    if request.credentials is None:
        raise Refusal(516, "authentication failed: no user and password given", 401)
    user, given = request.credentials
    right_user = hmac.compare_digest(user.encode(errors="replace"), USER.encode())
    right_password = hmac.compare_digest(given.encode(errors="replace"), password.encode())
    if not (right_user and right_password):
        raise Refusal(516, "authentication failed: password is incorrect, or there is no user with such name")


def _credentials(headers: dict[str, str], pairs: dict[str, str]) -> tuple[str, str] | None:
    scheme, _, encoded = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return user, password
    if "x-clickhouse-user" in headers:
        return headers["x-clickhouse-user"], headers.get("x-clickhouse-key", "")
    if "user" in pairs:
        return pairs["user"], pairs.get("password", "")
    return None


def form_fields(content_type: str, body: bytes) -> Iterable[tuple[str, str]]:
    """The text fields of a multipart form. Clients send long parameters in one. Raises Refusal for files."""
    _, found, boundary = content_type.partition("boundary=")
    if not found:
        raise Refusal(36, "multipart form names no boundary")
    mark = b"--" + boundary.split(";")[0].strip().strip('"').encode("latin-1")
    # A line end precedes every boundary but the first, and belongs to the boundary.
    parts = (b"\r\n" + body).split(b"\r\n" + mark)
    if len(parts) < 2 or not parts[-1].startswith(b"--"):
        raise Refusal(36, "multipart form does not end with its boundary")
    return [_form_field(part) for part in parts[1:-1]]


def _form_field(part: bytes) -> tuple[str, str]:
    head, found, value = part.partition(b"\r\n\r\n")
    disposition = head.decode("utf-8", "replace")
    if not found or 'name="' not in disposition:
        raise Refusal(36, "multipart form has a part without a name")
    if "filename=" in disposition:
        raise Refusal(48, "external data is not supported")
    name = disposition.split('name="', 1)[1].split('"', 1)[0]
    return name, value.decode("utf-8", "surrogateescape")
