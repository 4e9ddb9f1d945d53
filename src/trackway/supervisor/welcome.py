"""What a first start makes and says: a project to send to, a line to paste, and the admin password.

Secrets are shown on a terminal, or else written to a private file whose path is printed: standard output of a service
ends in a log, which more people read than the data.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Final

from rich.console import Console

from trackway.domain.errors import InvalidInput, StorageError
from trackway.projects import passwords
from trackway.projects.drivers import open_reader
from trackway.projects.project import Project
from trackway.settings.table import Settings
from trackway.supervisor.password_file import password_in
from trackway.telemetry import logs

FIRST_PROJECT: Final = "default"
FIRST_START_FILE: Final = "first-start.txt"

_log = logs.get("supervisor")


def welcome(settings: Settings, url: str) -> None:
    """Say where the server is; with no project or admin password yet, make one and hand its secrets to the operator.

    Raises ConfigError for an `admin_password_file` that cannot be used, StorageError when secrets cannot be kept.
    """
    file = settings.admin_password_file
    chosen = None if file is None else password_in(file, "admin_password_file")
    with closing(open_reader(settings.projects_at, patient=True)) as reader:
        known, admin_hash = reader.all_projects(), reader.admin_hash()
    if chosen is not None:
        _keep_password(settings, chosen, admin_hash)
    makes_password = chosen is None and admin_hash is None
    if not known or makes_password:
        with _shown_to_the_operator(settings) as console:
            if not known and (first := _first_project(settings)):
                _show(console, first, url)
            if makes_password and (password := _first_password(settings)):
                console.print(f"Web pages: [bold]{url}/app/[/]   name admin   password {password}")
    _console().print(f"trackway listens on [bold]{url}[/], data in {settings.data_dir}", markup=True)


@contextmanager
def _shown_to_the_operator(settings: Settings) -> Iterator[Console]:
    """Where secrets may be printed. A file is opened before anything is made: what cannot be shown is not made."""
    if sys.stdout.isatty():
        yield _console()
        return
    path = settings.data_dir / FIRST_START_FILE
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600), "w") as file:
            yield Console(highlight=False, soft_wrap=True, file=file)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {(error.strerror or str(error)).lower()}") from error
    _console().print(f"The keys of the first start are in {path}", markup=False)


def _console() -> Console:
    return Console(highlight=False, soft_wrap=True)


def _keep_password(settings: Settings, password: str, admin_hash: str | None) -> None:
    """Another password than the one before ends the admin's sessions."""
    if admin_hash is not None and passwords.verify(admin_hash, password):
        return
    from trackway.projects.admin_password import set_password  # noqa: PLC0415  # with half a second of imports
    from trackway.projects.database import ProjectsDatabase  # noqa: PLC0415

    set_password(ProjectsDatabase(settings.projects_at), password)
    _log.info("the admin password is the one of admin_password_file", file=str(settings.admin_password_file))


def _first_project(settings: Settings) -> Project | None:
    """None when another server, which shares the database, was quicker."""
    # Half a second and 40 MB to import, which no later start needs.
    from trackway.projects.database import ProjectsDatabase  # noqa: PLC0415

    try:
        return ProjectsDatabase(settings.projects_at).create(FIRST_PROJECT, settings.region)
    except InvalidInput:
        return None


def _first_password(settings: Settings) -> str | None:
    """None as above."""
    from trackway.projects.admin_password import first_password  # noqa: PLC0415  # as above
    from trackway.projects.database import ProjectsDatabase  # noqa: PLC0415

    return first_password(ProjectsDatabase(settings.projects_at))


def _show(console: Console, project: Project, url: str) -> None:
    event = f'[{{"event":"Hello","properties":{{"token":"{project.token}","distinct_id":"me"}}}}]'
    console.print(f"Created project [bold]{project.name}[/] (id {project.project_id}, region {project.region})")
    console.print(f"  token   {project.token}")
    console.print(f"  secret  {project.secret}")
    console.print("\nSend an event:")
    console.print(f"  curl '{url}/track?verbose=1' -H 'Content-Type: application/json' -d '{event}'", markup=False)
    console.print("\nSee it a moment later:")
    dates = "from_date=$(date -u +%F)&to_date=$(date -u +%F)"
    console.print(f'  curl -u {project.secret}: "{url}/api/2.0/export?{dates}"\n', markup=False)
