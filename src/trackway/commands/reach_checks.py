"""What `trackway doctor` looks at beyond the machine: how clients reach the server, and the parts that it asks itself.

The parts are asked with a connection of their own and no more than a greeting, so a password is sent to nobody but the
projects database, which asks for one.
"""

import ipaddress
import json
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Final
from urllib.parse import urlsplit

from trackway.commands.amounts import time_text
from trackway.commands.findings import FAULT, OK, WARNING, Finding
from trackway.commands.limits import DOCTOR_ANSWER_S_MAX, DOCTOR_CERTIFICATE_S_MIN
from trackway.commands.running_server import ask_openly
from trackway.domain.errors import InvalidInput, StateError, StorageError
from trackway.settings.table import Settings, masked

_FIRST_START: Final = "first-start.txt"
_OK: Final = 200


def configured(settings: Settings) -> Iterator[Finding]:
    """How the server is open to the network, by its settings alone."""
    is_local = _is_loopback(settings.host)
    where = f"{settings.host} port {settings.port}"
    if is_local and not settings.trusted_proxies:
        advice = (
            "to open it, set host, or put a proxy in front and name it in trusted_proxies (docs/operations/proxy.md)"
        )
        yield Finding("network", OK, f"{where}: only this machine reaches it", advice)
    elif settings.tls_cert is None and not settings.trusted_proxies:
        advice = "set tls_cert, or put a proxy in front and name it in trusted_proxies: keys are sent in clear"
        yield Finding("network", WARNING, f"{where}: open to others without TLS", advice)
    else:
        yield Finding("network", OK, f"{where}, {'HTTPS' if settings.tls_cert else 'behind a proxy'}")
    if (settings.data_dir / _FIRST_START).exists():
        path = settings.data_dir / _FIRST_START
        yield Finding("first start", WARNING, f"{path} holds secrets", "read it, then delete it")


def parts(settings: Settings) -> Iterator[Finding]:
    """The parts elsewhere that the settings name."""
    if settings.store_url:
        yield _answers("store", settings.store_url, lambda: _ping_store(settings.store_url))
    if settings.projects_url:
        yield _answers("projects", settings.projects_url, lambda: _ask_projects(settings.projects_url))
    if settings.journal_url:
        yield from _streams(settings)


def from_outside(url: str, now_s: float) -> Iterator[Finding]:
    """The address that clients use, asked as they ask it."""
    try:
        answered = ask_openly(url, "/healthz", DOCTOR_ANSWER_S_MAX, is_ours=False)
        body = json.loads(answered.body)
    except StateError as error:
        yield Finding("address", FAULT, str(error), "check name, firewall, proxy and certificate")
        return
    except ValueError:
        body = None
    if not isinstance(body, dict) or "status" not in body:
        advice = "let the proxy pass every path, and end the address with path_prefix"
        yield Finding("address", FAULT, f"what answers at {url} is no trackway server: {answered.status}", advice)
    elif answered.status != _OK:
        yield Finding("address", FAULT, f"{url} accepts no data: {body.get('error')}", "run trackway status")
    else:
        yield Finding("address", OK, f"{url} accepts data")
    if urlsplit(url).scheme == "http":
        yield Finding("certificate", WARNING, f"{url} is plain HTTP", "use TLS: keys are sent in clear")
    else:
        yield judged_certificate(_certificate_end_s(url), now_s)


def judged_certificate(end_s: float, now_s: float) -> Finding:
    left_s = end_s - now_s
    if left_s < DOCTOR_CERTIFICATE_S_MIN:
        said = f"ends in {time_text(max(left_s, 0))}"
        return Finding("certificate", WARNING, said, "renew it; the server reloads a renewed file by itself")
    return Finding("certificate", OK, f"good for {time_text(left_s)}")


def _certificate_end_s(url: str) -> float:
    """When the certificate ends that was just verified, in seconds since the epoch."""
    parts_of = urlsplit(url)
    host, context = str(parts_of.hostname), ssl.create_default_context()
    with (
        socket.create_connection((host, parts_of.port or 443), DOCTOR_ANSWER_S_MAX) as plain,
        context.wrap_socket(plain, server_hostname=host) as secure,
    ):
        return ssl.cert_time_to_seconds(str((secure.getpeercert() or {})["notAfter"]))


def _answers(name: str, url: str, ask: Callable[[], None]) -> Finding:
    shown, began_s = masked(url), time.monotonic()
    try:
        ask()
    except (StateError, StorageError, InvalidInput, OSError) as error:
        return Finding(name, FAULT, f"{shown}: {masked(str(error))}", f"start it, or correct {name}_url")
    return Finding(name, OK, f"{shown} answers within {(time.monotonic() - began_s) * 1e3:.0f} ms")


def _ping_store(url: str) -> None:
    """ClickHouse's greeting, which needs no password."""
    parts_of = urlsplit(url)
    host = f"[{parts_of.hostname}]" if ":" in str(parts_of.hostname) else parts_of.hostname
    port = parts_of.port or (8443 if parts_of.scheme == "https" else 8123)
    answered = ask_openly(f"{parts_of.scheme}://{host}:{port}", "/ping", DOCTOR_ANSWER_S_MAX, is_ours=False)
    if answered.status != _OK:
        raise StateError(f"what answers there is no ClickHouse: {answered.status}")


def _ask_projects(url: str) -> None:
    from trackway.projects.drivers import open_reader  # noqa: PLC0415  # the driver is an extra

    with closing(open_reader(url, patient=False)) as reader:
        reader.has_tables()


def _streams(settings: Settings) -> Iterator[Finding]:
    from trackway.journal.open import streams_status  # noqa: PLC0415  # as above

    try:
        streams = streams_status(settings)
    except (InvalidInput, StorageError, OSError) as error:
        yield Finding("journal", FAULT, masked(str(error)), "start NATS, or correct journal_url")
        return
    for each in streams:
        if each.fault:
            yield Finding("journal", FAULT, f"stream {each.name}: {each.fault}", "see trackway journal status")
        elif each.current < each.replicas:
            said = f"stream {each.name}: {each.current} of {each.replicas} replicas are up to date"
            yield Finding("journal", WARNING, said, "start the missing server of NATS")
        else:
            yield Finding("journal", OK, f"stream {each.name}: {each.replicas} replicas, leader {each.leader}")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
