"""The settings in groups by what they decide, for help texts and for the file that `trackway init` writes."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from trackway.settings.table import ROWS_BY_NAME


class Group(NamedTuple):
    """Settings under a heading, by name. `common`: those of them that most operators decide."""

    heading: str
    names: Sequence[str]
    common: Sequence[str] = ()


GROUPS: Final = (
    Group(
        "Data",
        (
            "data_dir", "disk_free_bytes_min", "journal_retention_s", "rejected_retention_days",
            "rejected_bytes_per_minute", "audit_retention_days", "erasure_delay_s",
            "default_event_retention", "backup_every", "backup_to", "backup_keep",
            "export_every", "export_to", "export_format", "export_projects",
        ),
        ("data_dir", "disk_free_bytes_min", "journal_retention_s", "rejected_retention_days"),
    ),
    Group(
        "Network",
        (
            "host", "port", "ops_port", "ops_host", "tls_cert", "tls_key", "trusted_proxies", "path_prefix",
            "redirect_hosts", "browser_sdk_path",
        ),
        ("host", "port", "ops_port", "tls_cert", "tls_key", "trusted_proxies", "path_prefix"),
    ),
    Group(
        "Residency and places",
        ("region", "region_host_names", "geolocation", "geoip_database"),
        ("region", "geolocation", "geoip_database"),
    ),
    Group("Parts elsewhere", ("store_url", "store_cluster", "journal_url", "projects_url")),
    Group(
        "Limits",
        (
            "rate_limits", "import_requests_per_hour", "export_requests_per_hour", "export_concurrent_max",
            "report_requests_per_hour", "report_concurrent_max", "ingest_records_per_minute",
            "ingest_bytes_per_minute", "lookup_replacements_per_day", "body_bytes_max", "in_flight_bytes_max",
            "report_cache_bytes", "accept_unknown_tokens",
        ),
        ("rate_limits", "import_requests_per_hour", "ingest_records_per_minute", "body_bytes_max"),
    ),
    Group(
        "Access and alerts",
        (
            "admin_password_file", "oidc_issuer", "oidc_client_id", "oidc_client_secret_file", "oidc_name",
            "alert_interval_s", "alert_hosts", "smtp_url", "smtp_password_file", "smtp_from",
        ),
        ("admin_password_file",),
    ),
    Group(
        "Processes and logs",
        ("workers", "load_interval_ms", "shutdown_grace_s", "hang_s_max", "log_format", "log_level"),
        ("workers", "log_format", "log_level"),
    ),
)  # fmt: skip
"""Each setting is in one of them, or else among OTHERS."""
OTHERS: Final = "Others"
COMMON: Final = tuple(name for group in GROUPS for name in group.common)


def heading_of(name: str) -> str | None:
    """The heading of a setting; None for an option that is none."""
    if name not in ROWS_BY_NAME:
        return None
    return next((group.heading for group in GROUPS if name in group.names), OTHERS)
