"""The admin password: of whoever runs the server, for the web pages of every project.

Made at random, shown once, kept as an argon2id hash. A new one ends the sessions of the one before.
"""

import secrets
from typing import Final

from sqlalchemy import insert, select, update

from trackway.projects.database import ProjectsDatabase
from trackway.projects.passwords import hash_secret
from trackway.projects.tables import admin_passwords

_RANDOM_BYTES: Final = 18


def new_password(database: ProjectsDatabase) -> str:
    """A new admin password in place of the one there was. Takes some 50 ms."""
    password = secrets.token_urlsafe(_RANDOM_BYTES)
    _keep(database, hash_secret(password), replace=True)
    return password


def first_password(database: ProjectsDatabase) -> str | None:
    """An admin password where there is none yet; None where there is."""
    password = secrets.token_urlsafe(_RANDOM_BYTES)
    return password if _keep(database, hash_secret(password), replace=False) else None


def _keep(database: ProjectsDatabase, password_hash: str, *, replace: bool) -> bool:
    with database.changing() as connection:
        known = connection.execute(select(admin_passwords.c.password_hash)).first() is not None
        if not known:
            connection.execute(insert(admin_passwords).values(only_id=1, password_hash=password_hash))
        elif replace:
            connection.execute(update(admin_passwords).values(password_hash=password_hash))
        return replace or not known
