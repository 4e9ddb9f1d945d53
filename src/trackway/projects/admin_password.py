"""The admin password: the operator's, for the web pages of every project.

It is random and shown once, or read from a file that the operator names. The database keeps its argon2id hash. A new
password ends the sessions of the old one.
"""

import secrets
from typing import Final

from sqlalchemy import insert, select, update

from trackway.projects.audit import Note
from trackway.projects.database import ProjectsDatabase
from trackway.projects.passwords import hash_secret
from trackway.projects.tables.accounts import admin_passwords

_RANDOM_BYTES: Final = 18


def new_password(database: ProjectsDatabase) -> str:
    """Replace the admin password by a random one, and return it. Takes some 50 ms."""
    password = secrets.token_urlsafe(_RANDOM_BYTES)
    _keep(database, hash_secret(password), replace=True)
    return password


def set_password(database: ProjectsDatabase, password: str) -> None:
    """Set or replace the admin password. Takes some 50 ms."""
    _keep(database, hash_secret(password), replace=True)


def first_password(database: ProjectsDatabase) -> str | None:
    """A new admin password. None where there is one already."""
    password = secrets.token_urlsafe(_RANDOM_BYTES)
    return password if _keep(database, hash_secret(password), replace=False) else None


def _keep(database: ProjectsDatabase, password_hash: str, *, replace: bool) -> bool:
    with database.changing() as change:
        connection = change.connection
        known = connection.execute(select(admin_passwords.c.password_hash)).first() is not None
        if not known:
            connection.execute(insert(admin_passwords).values(only_id=1, password_hash=password_hash))
        elif replace:
            connection.execute(update(admin_passwords).values(password_hash=password_hash))
        is_kept = replace or not known
        change.note(*([Note("admin password changed")] if is_kept else []))
        return is_kept
