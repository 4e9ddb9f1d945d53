"""What a first start prints: a project to send to, and a line to paste."""

from contextlib import closing

from rich.console import Console

from trackway.errors import ConfigError
from trackway.projects.project import Project
from trackway.projects.reader import open_reader
from trackway.settings import Settings

FIRST_PROJECT = "default"


def welcome(settings: Settings, url: str) -> None:
    """Say where the server is; with no project yet, create one and show its keys, which are its owner's to see."""
    console = Console(highlight=False, soft_wrap=True)
    with closing(open_reader(settings.projects_at, patient=True)) as reader:
        known, has_admin = reader.all_projects(), reader.admin_hash() is not None
    if not known and (first := _first_project(settings)):
        _show(console, first, url)
    if not has_admin and (password := _first_password(settings)):
        console.print(f"Web pages: [bold]{url}/app/[/]   name admin   password {password}")
    console.print(f"trackway listens on [bold]{url}[/], data in {settings.data_dir}", markup=True)


def _first_project(settings: Settings) -> Project | None:
    """None when another server, which shares the database, was quicker."""
    # Half a second and 40 MB to import, which no later start needs.
    from trackway.projects.database import ProjectsDatabase  # noqa: PLC0415

    try:
        return ProjectsDatabase(settings.projects_at).create(FIRST_PROJECT, settings.region)
    except ConfigError:
        return None


def _first_password(settings: Settings) -> str | None:
    """None as above."""
    from trackway.projects.admin import first_password  # noqa: PLC0415  # as above
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
