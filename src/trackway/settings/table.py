"""The settings: one table with a row for each, and their values, typed and within their bounds.

`sources` reads them. A name that is not in the table is an error there, so a misspelt setting never passes for a
default. `trackway reference settings` writes docs/settings.md from the same rows.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal

from trackway.domain.data_age import FOREVER_WORD, read_retention
from trackway.domain.errors import ConfigError
from trackway.domain.region import REGIONS, Region
from trackway.settings import checks

Value = str | int | bool | Path | tuple[str, ...] | None
Check = Callable[[Any], str | None]
"""Returns what a value must be (`must …`), or None for a good value."""

ENVIRONMENT_PREFIX: Final = "TRACKWAY_"
WORKERS_DEFAULT_MAX: Final = 8
EMPTY: Final = "empty"
"""How help texts show an empty default."""

_URL_PASSWORD: Final = re.compile(r"(?<=://)([^\s/:]*):(?![0-9]*/)[^\s\"']*@")
_PASSWORD_PARAMETER: Final = re.compile(r"([?&](?:ssl)?password=)[^\s&\"']*")


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table. `kind` says how the value is written: text, number, switch, list or path."""

    name: str
    kind: Literal["text", "number", "switch", "list", "path"]
    default: Value
    help: str
    lowest: int | None
    highest: int | None
    choices: tuple[str, ...]
    check: Check | None

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        return ENVIRONMENT_PREFIX + self.name.upper()

    @property
    def values(self) -> str:
        """What may be written, for help texts: `0 to 65535`, `us, eu, in`, `true, false`."""
        if self.choices:
            return ", ".join(self.choices)
        if self.kind == "number":
            return f"{self.lowest} to {self.highest}"
        return {"switch": "true, false", "list": "list", "path": "path"}.get(self.kind, "text")

    @property
    def default_text(self) -> str:
        return shown(self.default) or EMPTY


def _setting(
    default: Value,
    help_text: str,
    *,
    lowest: int | None = None,
    highest: int | None = None,
    choices: tuple[str, ...] = (),
    check: Check | None = None,
    secret: bool = False,
) -> Any:
    kinds = {bool: "switch", int: "number", str: "text", tuple: "list"}
    row = (kinds.get(type(default), "path"), default, help_text, lowest, highest, choices, check)
    return field(default=default, repr=not secret, metadata={"row": row})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting of a server. Raises ConfigError for a value outside its bounds.

    `sources` holds where the values came from that are not defaults; ask through `source`.
    """

    host: str = _setting("127.0.0.1", "Address to listen on.", check=checks.address)
    port: int = _setting(8080, "TCP port to listen on; 0 takes a free one.", lowest=0, highest=65535)
    ops_port: int = _setting(
        0,
        "TCP port for `/readyz` and `/metrics`, which are then not on `port`; 0 is `port`.",
        lowest=0,
        highest=65535,
    )
    ops_host: str = _setting("127.0.0.1", "Address of `ops_port`, which speaks plain HTTP.", check=checks.address)
    tls_cert: Path | None = _setting(  # noqa: RUF009  # as below
        None, "Certificate chain in PEM for HTTPS, reloaded when it changes; empty is plain HTTP."
    )
    tls_key: Path | None = _setting(  # noqa: RUF009  # as below
        None, "Private key of `tls_cert` in PEM, not encrypted; empty is the same file."
    )
    data_dir: Path = _setting(  # noqa: RUF009  # a Field, not a shared value
        Path("trackway-data"), "Directory of all data. A relative path in the file is relative to the file."
    )
    workers: int = _setting(
        0, f"Edge processes; 0 is one per core, at most {WORKERS_DEFAULT_MAX}.", lowest=0, highest=64
    )
    browser_sdk_path: Path | None = _setting(  # noqa: RUF009  # as above
        None,
        "File with the browser SDK, such as `mixpanel.min.js`, that web sites load from `/lib/site.js`; read at start. "
        "Empty serves none.",
    )
    region: Region = _setting("us", "Residency region of this server.", choices=REGIONS)  # noqa: RUF009  # as above
    region_host_names: bool = _setting(
        True, "Refuse data sent to a host name of another region, such as `api-eu.example.com` or `in.example.com`."
    )
    rate_limits: bool = _setting(True, "Refuse requests over a project's limits with 429.")
    store_url: str = _setting(
        "",
        "URL of a ClickHouse server; empty is the embedded store. Avoid the flag: it shows the password.",
        check=checks.store_url,
        secret=True,
    )
    store_cluster: str = _setting(
        "",
        "ClickHouse cluster that `store_url` is a node of, by its name in `remote_servers`; empty is one server.",
        check=checks.cluster_name,
    )
    journal_url: str = _setting(
        "",
        "URL of NATS servers, whose streams `trackway journal init` has made; empty is the journal in the data "
        "directory. Avoid the flag: it shows the password.",
        check=checks.journal_url,
        secret=True,
    )
    projects_url: str = _setting(
        "",
        "URL of a PostgreSQL database of projects; empty is SQLite in the data directory. Avoid the flag: it shows the "
        "password.",
        check=checks.projects_url,
        secret=True,
    )
    admin_password_file: Path | None = _setting(  # noqa: RUF009  # as above
        None, "File with the admin password of the web pages, read at start; empty generates one."
    )
    path_prefix: str = _setting("", "Path below which every endpoint is served.", check=checks.path_prefix)
    body_bytes_max: int = _setting(
        33_554_432, "Largest request body, uncompressed, in bytes; more is a 413.", lowest=1024, highest=1 << 30
    )
    in_flight_bytes_max: int = _setting(
        268_435_456,
        "Request bodies held at once by one edge process, in bytes; more is a 503.",
        lowest=1024,
        highest=1 << 36,
    )
    disk_free_bytes_min: int = _setting(
        0,
        "Bytes to keep free on the disks of data directory and store; with less, no data is accepted (503). 0 is 5 % "
        "of the disk, at least 1 GiB and at most 10 GiB, but no more than a quarter of a small disk.",
        lowest=0,
        highest=1 << 50,
    )
    journal_retention_s: int = _setting(
        300, "Seconds to keep a journal segment after it was loaded.", lowest=0, highest=31_536_000
    )
    default_event_retention: str = _setting(
        FOREVER_WORD,
        "Days to keep events of projects that say nothing of it, or 'forever'. A project's own retention comes first.",
        check=checks.retention,
    )
    rejected_retention_days: int = _setting(30, "Days to keep a rejected record.", lowest=1, highest=3650)
    erasure_delay_s: int = _setting(
        60,
        "Seconds from a request to erase persons until it begins; meanwhile it can be cancelled.",
        lowest=0,
        highest=2_592_000,
    )
    audit_retention_days: int = _setting(90, "Days to keep the audit.", lowest=1, highest=3650)
    rejected_bytes_per_minute: int = _setting(
        16_777_216,
        "Bytes of a project's rejected records to keep in a minute; beyond that, only the reasons are kept.",
        lowest=0,
        highest=1 << 32,
    )
    accept_unknown_tokens: bool = _setting(
        False, "Answer success for an unknown token and drop the event, as Mixpanel does, instead of rejecting it."
    )
    trusted_proxies: tuple[str, ...] = _setting(
        (), "Networks of proxies whose `X-Forwarded-For` header is trusted.", check=checks.networks
    )
    geolocation: bool = _setting(True, "Add city, region and country to events and profiles, never the address.")
    geoip_database: Path | None = _setting(  # noqa: RUF009  # as above
        None, "City database in MaxMind's format (.mmdb), reloaded when it changes; empty is the packaged one."
    )
    log_format: Literal["console", "json"] = _setting(
        "console", "Format of log lines: for people or for machines.", choices=("console", "json")
    )
    log_level: Literal["debug", "info", "warning", "error"] = _setting(
        "info", "Lowest level to log.", choices=("debug", "info", "warning", "error")
    )
    shutdown_grace_s: int = _setting(
        20, "Seconds for requests in flight to finish at shutdown.", lowest=1, highest=3600
    )
    hang_s_max: int = _setting(
        30,
        "Seconds without a heartbeat after which a process is killed and restarted.",
        lowest=5,
        highest=3600,
    )
    load_interval_ms: int = _setting(
        250,
        "Milliseconds between two loads from the journal into the store, fewer while much waits.",
        lowest=10,
        highest=60_000,
    )
    redirect_hosts: tuple[str, ...] = _setting(
        (), "Hosts that the `redirect` parameter of a request may name.", check=checks.host_names
    )
    import_requests_per_hour: int = _setting(
        60, "`/import` requests of a project in an hour.", lowest=1, highest=1_000_000_000
    )
    export_requests_per_hour: int = _setting(
        60,
        "Export and query requests of a project in an hour, without later pages of a query.",
        lowest=1,
        highest=1_000_000_000,
    )
    export_concurrent_max: int = _setting(
        5, "Concurrent export and query requests of a project.", lowest=1, highest=1000
    )
    report_requests_per_hour: int = _setting(
        0, "Reports of a project in an hour; 0 is no limit.", lowest=0, highest=1_000_000_000
    )
    report_concurrent_max: int = _setting(5, "Concurrent reports of a project.", lowest=1, highest=1000)
    report_cache_bytes: int = _setting(
        16_777_216,
        "Results of reports that one edge process keeps, in bytes, until their data change; 0 keeps none.",
        lowest=0,
        highest=1 << 36,
    )
    ingest_records_per_minute: int = _setting(
        0, "Events and profile updates of a project in a minute; 0 is no limit.", lowest=0, highest=1_000_000_000
    )
    ingest_bytes_per_minute: int = _setting(
        0,
        "Bytes of events and profile updates of a project in a minute, as JSON; 0 is no limit.",
        lowest=0,
        highest=1_000_000_000_000,
    )
    lookup_replacements_per_day: int = _setting(
        100, "Replacements of a project's lookup tables in 24 hours.", lowest=1, highest=1_000_000_000
    )
    oidc_issuer: str = _setting(
        "",
        "Issuer of the OpenID Connect provider by which people sign in, `https://`; empty is none.",
        check=checks.issuer,
    )
    oidc_client_id: str = _setting("", "Name of this server at the provider.")
    oidc_client_secret_file: Path | None = _setting(  # noqa: RUF009  # as above
        None, "File with the server's secret at the provider, read at start; empty is a client without one."
    )
    oidc_name: str = _setting("single sign-on", "What the sign-in page calls the provider.")
    alert_interval_s: int = _setting(60, "Seconds between two looks at an alert.", lowest=1, highest=3600)
    alert_hosts: tuple[str, ...] = _setting(
        (),
        "Host names, addresses and networks that webhooks of alerts may reach though they are not public.",
        check=checks.hosts_or_networks,
    )
    smtp_url: str = _setting(
        "",
        "URL of a mail server for alerts and invitations, `smtp://` (with STARTTLS) or `smtps://`; empty is no mail. "
        "Avoid the flag: it shows the password.",
        check=checks.smtp_url,
        secret=True,
    )
    smtp_password_file: Path | None = _setting(  # noqa: RUF009  # as above
        None, "File with the password for `smtp_url`, read at start; empty is the one in the URL."
    )
    smtp_from: str = _setting("", "Address that mails of alerts and invitations come from.", check=checks.mail_address)
    backup_to: str = _setting("", "Directory or `s3://BUCKET/KEY` of the backups that `backup_every` makes.")
    backup_every: str = _setting(
        "", "Time from one backup to the next, such as 6h or 1d; empty makes none.", check=checks.duration
    )
    backup_keep: int = _setting(
        7, "Backups that are kept; older ones are removed after a new one is made.", lowest=1, highest=10_000
    )
    export_to: str = _setting("", "Directory or `s3://BUCKET/KEY` of the files that `export_every` makes.")
    export_every: str = _setting(
        "",
        "Time from one export of what is new to the next, such as 15m or 1h; empty makes none.",
        check=checks.duration,
    )
    export_format: str = _setting("parquet", "Format of these files.", choices=("parquet", "csv", "ndjson"))
    export_projects: tuple[str, ...] = _setting((), "Names or ids of the projects to export; empty is all.")
    sources: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False, compare=False)

    def __post_init__(self) -> None:
        for row in ROWS:
            problem = _problem(row, getattr(self, row.name))
            if problem:
                raise ConfigError(f"{row.name} {problem} (from {self.source(row.name)})")
        if self.in_flight_bytes_max < self.body_bytes_max:
            raise ConfigError(
                f"in_flight_bytes_max must be at least body_bytes_max ({self.body_bytes_max}), "
                f"not {self.in_flight_bytes_max} (from {self.source('in_flight_bytes_max')})"
            )
        if self.smtp_url and not self.smtp_from:
            raise ConfigError(f"smtp_from must be set where smtp_url is (from {self.source('smtp_url')})")
        if self.oidc_issuer and not self.oidc_client_id:
            raise ConfigError(f"oidc_client_id must be set where oidc_issuer is (from {self.source('oidc_issuer')})")
        if self.backup_every and not self.backup_to:
            raise ConfigError(f"backup_every needs backup_to, their place (from {self.source('backup_every')})")
        if self.export_every and not self.export_to:
            raise ConfigError(f"export_every needs export_to, their place (from {self.source('export_every')})")
        if self.store_cluster and not self.store_url:
            raise ConfigError(
                f"store_cluster needs store_url, a node of the cluster (from {self.source('store_cluster')})"
            )

    def source(self, name: str) -> str:
        """Where the value came from: `--port`, `TRACKWAY_PORT`, the file's path, or `default`."""
        return self.sources.get(name, "default")

    @property
    def worker_count(self) -> int:
        """Edge processes to start, `workers` = 0 resolved against the cores this process may use."""
        return self.workers or min(len(os.sched_getaffinity(0)), WORKERS_DEFAULT_MAX)

    @property
    def store_at(self) -> str:
        """Where the store is, for its client: `store_url` with the cluster's name, empty for the embedded store."""
        if not self.store_cluster:
            return self.store_url
        return f"{self.store_url}{'&' if '?' in self.store_url else '?'}cluster={self.store_cluster}"

    @property
    def projects_at(self) -> Path | str:
        """Where the projects are: the path of an SQLite file, or the URL of a PostgreSQL database."""
        return self.projects_url or self.data_dir / "projects.db"

    @property
    def event_retention(self) -> int:
        """`default_event_retention` in days, or FOREVER."""
        return read_retention(self.default_event_retention, "default_event_retention")

    @property
    def run_dir(self) -> Path:
        return self.data_dir / "run"

    @property
    def rates_dir(self) -> Path:
        return self.run_dir / "rates"

    @property
    def metrics_dir(self) -> Path:
        return self.run_dir / "metrics"


ROWS: Final[tuple[Row, ...]] = tuple(Row(f.name, *f.metadata["row"]) for f in fields(Settings) if "row" in f.metadata)
ROWS_BY_NAME: Final[Mapping[str, Row]] = MappingProxyType({row.name: row for row in ROWS})


def _problem(row: Row, value: Any) -> str | None:
    if row.choices and value not in row.choices:
        return f"must be one of {', '.join(row.choices)}, not {value!r}"
    if row.lowest is not None and row.highest is not None and not row.lowest <= value <= row.highest:
        return f"must be {row.lowest} to {row.highest}, not {value}"
    problem = row.check(value) if row.check else None
    return f"{problem}, not {masked(value)!r}" if problem and isinstance(value, str) else problem


def did_you_mean(given: str, known: list[str], prefix: str = "") -> str:
    """`; did you mean port?`, or nothing when no known name is near."""
    from difflib import get_close_matches  # noqa: PLC0415  # only on the way to an error

    near = get_close_matches(given, known, n=1)
    return f"; did you mean {prefix}{near[0]}?" if near else ""


def masked(text: str) -> str:
    """The text with the password of every URL in it replaced by `***`."""
    return _PASSWORD_PARAMETER.sub(r"\1***", _URL_PASSWORD.sub(r"\1:***@", text))


def shown(value: Value) -> str:
    """A value as a person writes it in the environment, passwords masked."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(value)
    if value is None:
        return ""
    return masked(str(value))
