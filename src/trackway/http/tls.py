"""The server's own TLS: a certificate and its key, read from PEM files, and reloaded whenever these change.

Input: two paths. Output: a context for new connections. It is made before the fork, so that a session of one edge
process can be resumed at another. Each process checks the files by itself. A renewed certificate is loaded within a
second, without a restart; open connections keep the old one. While the files are broken or do not fit together, as
between the writing of one and the other, the last good pair stays in use.
"""

import os
import ssl
from pathlib import Path
from typing import NoReturn

from trackway.domain.errors import ConfigError
from trackway.settings.table import Settings
from trackway.telemetry import logs

_log = logs.get("edge")
_Seen = tuple[tuple[int, int, int], ...]


class ServerCertificate:
    """The server's certificate. `key` may be the same file as `certificate`, which may hold a whole chain.

    Raises ConfigError, naming the setting and the file, when the two cannot be used.
    """

    def __init__(self, certificate: Path, key: Path):
        self._certificate, self._key = certificate, key
        self.context = _context(certificate, key)
        self._seen = self._look()

    def refresh(self) -> None:
        """Reload the files if they have changed and are good."""
        seen = self._look()
        if seen == self._seen:
            return
        self._seen = seen
        try:
            self.context = _context(self._certificate, self._key)
        except ConfigError as error:
            _log.error("certificate cannot be loaded, keeping the previous one", error=str(error))
        else:
            _log.info("certificate reloaded", file=str(self._certificate))

    def _look(self) -> _Seen:
        return tuple(map(_state, (self._certificate, self._key)))


def certificate_of(settings: Settings) -> ServerCertificate | None:
    """None where the server speaks plain HTTP. Raises ConfigError."""
    if settings.tls_cert is None:
        if settings.tls_key is not None:
            raise ConfigError(f"tls_key needs tls_cert beside it (from {settings.source('tls_key')})")
        return None
    return ServerCertificate(settings.tls_cert, settings.tls_key or settings.tls_cert)


def _state(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, 0, 0)
    return (found.st_ino, found.st_size, found.st_mtime_ns)


def _context(certificate: Path, key: Path) -> ssl.SSLContext:
    if b"-----BEGIN CERTIFICATE-----" not in _read("tls_cert", certificate):
        raise ConfigError(f"tls_cert {certificate} holds no certificate in PEM")
    if b"PRIVATE KEY-----" not in _read("tls_key", key):
        raise ConfigError(f"tls_key {key} holds no private key in PEM")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])

    def no_password() -> NoReturn:
        raise ConfigError(f"tls_key {key} is encrypted, and there is no password for it")

    try:
        context.load_cert_chain(certificate, key, no_password)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise ConfigError(f"tls_key {key} is not the key of tls_cert {certificate}") from error
        reason = (error.reason or str(error)).lower().replace("_", " ")
        raise ConfigError(f"tls_cert {certificate} with tls_key {key} cannot be used: {reason}") from error
    return context


def _read(setting: str, path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(os.fstat(file.fileno()).st_size)
    except OSError as error:
        raise ConfigError(f"{setting} {path} cannot be read: {(error.strerror or str(error)).lower()}") from error
