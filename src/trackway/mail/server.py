"""The mail server of the settings: its address, its credentials, and who sends."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from trackway.domain.errors import ConfigError
from trackway.mail.limits import SMTP_PASSWORD_BYTES_MAX
from trackway.settings.table import Settings

_PORTS: Final = {"smtp": 587, "smtps": 465}
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class MailServer:
    """`is_tls`: whether the connection begins with TLS. Otherwise STARTTLS is used where the server offers it, and
    required where there is a password: but for a server on this machine."""

    host: str
    port: int
    is_tls: bool
    user: str
    password: str = field(repr=False)
    sender: str

    @property
    def is_here(self) -> bool:
        """Whether nothing goes over a network."""
        return self.host in _LOOPBACK


def mail_server(settings: Settings) -> MailServer | None:
    """None where no mail is set up. Raises ConfigError for a password file that cannot be used."""
    if not settings.smtp_url:
        return None
    parts = urlsplit(settings.smtp_url)
    assert parts.hostname, "the settings check the URL"
    password = unquote(parts.password or "")
    if settings.smtp_password_file is not None:
        password = _password_in(settings.smtp_password_file)
    return MailServer(
        host=parts.hostname,
        port=parts.port or _PORTS[parts.scheme],
        is_tls=parts.scheme == "smtps",
        user=unquote(parts.username or ""),
        password=password,
        sender=settings.smtp_from,
    )


def _password_in(path: Path) -> str:
    try:
        with path.open("rb") as file:
            password = file.read(SMTP_PASSWORD_BYTES_MAX + 1).decode().strip("\r\n")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigError(f"smtp_password_file {path} cannot be read: {reason}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"smtp_password_file {path} is not utf8") from error
    if not password or len(password.encode()) > SMTP_PASSWORD_BYTES_MAX or not password.isprintable():
        raise ConfigError(f"smtp_password_file {path} must hold one line of at most {SMTP_PASSWORD_BYTES_MAX} bytes")
    return password
