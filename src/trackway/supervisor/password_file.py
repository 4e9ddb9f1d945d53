"""A password that a person has chosen, in a file that a program reads."""

from pathlib import Path

from trackway.domain.errors import ConfigError
from trackway.domain.limits import CREDENTIAL_CHARACTERS_MAX
from trackway.supervisor.limits import CHOSEN_PASSWORD_CHARACTERS_MIN, PASSWORD_FILE_BYTES_MAX


def password_in(path: Path, name: str) -> str:
    """The password in a file, without the line's end. `name` is how errors name the file.

    Raises ConfigError for a file that cannot be read, or holds no password of the required length.
    """
    try:
        with path.open("rb") as file:
            password = file.read(PASSWORD_FILE_BYTES_MAX).decode().strip()
    except OSError as error:
        raise ConfigError(f"{name} {path} cannot be read: {(error.strerror or str(error)).lower()}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{name} {path} is not utf8") from error
    if not CHOSEN_PASSWORD_CHARACTERS_MIN <= len(password) <= CREDENTIAL_CHARACTERS_MAX or not password.isprintable():
        bounds = f"{CHOSEN_PASSWORD_CHARACTERS_MIN} to {CREDENTIAL_CHARACTERS_MAX}"
        raise ConfigError(f"{name} {path} must hold one line of {bounds} characters")
    return password
