"""The server's own TLS: a certificate and its key, read from PEM files, and again whenever these change.

Two paths arrive, a context for new connections leaves. It is made before the fork, so that a session begun with one
edge process can be resumed with another. Each process looks at the files by itself: a renewed certificate is taken over
within a second, without a restart, and connections that are open keep the one they began with. While the files do not
fit together, as between the writing of one and the other, or are broken, the last good pair stays in use.
"""

import os
import ssl
from pathlib import Path
from typing import NoReturn

from trackway import logs
from trackway.errors import ConfigError
from trackway.settings import Settings

_log = logs.get("edge")
_Seen = tuple[tuple[int, int, int], ...]


class ServerCertificate:
    """What the server shows to clients. `key` may be the same file as `certificate`, which may hold a whole chain.

    Raises ConfigError, naming the setting and the file, when the two cannot be used.
    """

    def __init__(self, certificate: Path, key: Path):
        self._certificate, self._key = certificate, key
        self.context = _context(certificate, key)
        self._seen = self._look()

    def refresh(self) -> None:
        """Take the files over if they have changed and are good."""
        seen = self._look()
        if seen == self._seen:
            return
        self._seen = seen
        try:
            self.context = _context(self._certificate, self._key)
        except ConfigError as error:
            _log.error("certificate cannot be taken over, serving with the one before", error=str(error))
        else:
            _log.info("certificate taken over", file=str(self._certificate))

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
        raise ConfigError(f"tls_key {key} is encrypted: nobody is there to give its password")

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
