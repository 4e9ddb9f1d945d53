"""What a first start prints: a project to send to, and a line to paste."""

from rich.console import Console

from trackway.projects.project import Project
from trackway.projects.sqlite import SqliteReader
from trackway.settings import Settings

FIRST_PROJECT = "default"


def welcome(settings: Settings, url: str) -> None:
    """Say where the server is; with no project yet, create one and show its keys, which are its owner's to see."""
    console = Console(highlight=False, soft_wrap=True)
    reader = SqliteReader(settings.projects_path)
    try:
        known = reader.all_projects()
    finally:
        reader.close()
    if not known:
        _show(console, _first_project(settings), url)
    console.print(f"trackway listens on [bold]{url}[/], data in {settings.data_dir}", markup=True)


def _first_project(settings: Settings) -> Project:
    # Half a second and 40 MB to import, which no later start needs.
    from trackway.projects.database import ProjectsDatabase  # noqa: PLC0415

    return ProjectsDatabase(settings.projects_path).create(FIRST_PROJECT, settings.region)


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
