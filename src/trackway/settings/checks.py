"""The checks of settings whose values have a form. Each returns what the value must be (`must …`), else None."""

import re

from trackway.domain.data_age import FOREVER_WORD, read_retention
from trackway.domain.duration import seconds_of
from trackway.domain.errors import InvalidInput
from trackway.domain.limits import RETENTION_DAYS_MAX


def retention(text: str) -> str | None:
    try:
        read_retention(text, "")
    except InvalidInput:
        return f"must be 1 to {RETENTION_DAYS_MAX} days, or {FOREVER_WORD}"
    return None


def path_prefix(text: str) -> str | None:
    good = re.fullmatch(r"(/[A-Za-z0-9._~-]+)*", text)
    return None if good else "must be empty or begin with '/' and not end with one, such as '/mixpanel'"


def store_url(text: str) -> str | None:
    from urllib.parse import urlsplit  # noqa: PLC0415  # only where a store of its own is named

    problem = "must be empty or a URL such as 'http://user:password@host:8123/database'"
    try:
        parts = urlsplit(text)
        good = not text or (parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0)
    except ValueError:
        return problem
    return None if good else problem


def cluster_name(text: str) -> str | None:
    good = re.fullmatch(r"[A-Za-z0-9_-]{0,64}", text)
    return None if good else "must be empty or a name of letters, digits, _ and -, at most 64"


def projects_url(text: str) -> str | None:
    from urllib.parse import urlsplit  # noqa: PLC0415  # as above

    problem = "must be empty or a URL such as 'postgresql://user:password@host:5432/database'"
    try:
        parts = urlsplit(text)
        good = not text or (parts.scheme in ("postgresql", "postgres") and parts.netloc + parts.query != "")
    except ValueError:
        return problem
    return None if good else problem


def journal_url(text: str) -> str | None:
    problem = "must be empty or a URL such as 'nats://user:password@host:4222,host:4222'"
    scheme, _, rest = text.partition("://")
    account, _, hosts = rest.rpartition("@")
    good = scheme in ("nats", "tls") and all(re.fullmatch(r"[^\s/@?#]+", host) for host in hosts.rstrip("/").split(","))
    return None if not text or (good and (not account or re.fullmatch(r"[^\s:]+:\S+", account))) else problem


def networks(addresses: tuple[str, ...]) -> str | None:
    from ipaddress import ip_network  # noqa: PLC0415  # 5 ms that only a server behind a proxy needs

    for address in addresses:
        try:
            ip_network(address)
        except ValueError:
            return f"must list networks such as '10.0.0.0/8' or addresses, and {address!r} is neither"
    return None


def hosts_or_networks(hosts: tuple[str, ...]) -> str | None:
    from ipaddress import ip_network  # noqa: PLC0415  # as above

    for host in hosts:
        if re.fullmatch(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?", host) and not re.fullmatch(r"[0-9.]+", host):
            continue
        try:
            ip_network(host)
        except ValueError:
            return f"must list host names, addresses and networks such as '10.1.2.0/24', and {host!r} is none"
    return None


def smtp_url(text: str) -> str | None:
    from urllib.parse import urlsplit  # noqa: PLC0415  # as above

    problem = "must be empty or a URL such as 'smtp://user:password@host:587' or 'smtps://host'"
    try:
        parts = urlsplit(text)
        good = not text or (parts.scheme in ("smtp", "smtps") and bool(parts.hostname) and parts.port != 0)
    except ValueError:
        return problem
    return None if good and parts.path in ("", "/") and not parts.query else problem


def issuer(text: str) -> str | None:
    from urllib.parse import urlsplit  # noqa: PLC0415  # as above

    problem = "must be empty or the URL of a provider, such as 'https://id.example.com/realms/main'"
    try:
        parts = urlsplit(text)
        # Plain HTTP is for a provider on the same machine: an answer without TLS may be anybody's.
        good = parts.scheme == "https" or (
            parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")
        )
        good = good and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return problem
    return None if not text or (good and not parts.query and not parts.fragment) else problem


def duration(text: str) -> str | None:
    return None if not text or seconds_of(text) else "must be empty or a time such as 90s, 15m, 6h or 1d"


def mail_address(text: str) -> str | None:
    good = not text or re.fullmatch(r"[A-Za-z0-9.!#$%&'*+/=?^_{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*", text)
    return None if good else "must be empty or an address such as 'alerts@example.com'"


def host_names(names: tuple[str, ...]) -> str | None:
    for name in names:
        if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", name):
            return (
                f"must list host names such as 'www.example.com', without scheme, port or path, and {name!r} is not one"
            )
    return None


def address(text: str) -> str | None:
    return None if re.fullmatch(r"[^\s/]+", text) else "must be an address or host name to listen on"
