"""Whether a project has no data yet, as the running server tells: what is fixed from the first record on asks this.

A project arrives; nothing leaves, or ConfigError with the reason. Where it cannot be found out (no server runs, the
journal is not loaded to its end, the server refuses to answer) the answer is no. The journal comes first: a record
that was acknowledged before is then in the store.
"""

import json
from base64 import b64encode
from http.client import HTTPException
from pathlib import Path
from typing import Final
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

from trackway.errors import ConfigError, StorageError
from trackway.journal.head import Head
from trackway.projects.project import Project
from trackway.settings import Settings

_TIMEOUT_S: Final = 30.0
_EVENTS: Final = "/api/2.0/export?" + urlencode({"from_date": "1971-01-01", "to_date": "2100-01-01", "limit": 1})
_PROFILES: Final = "/api/2.0/engage"
_open = build_opener(ProxyHandler({})).open  # the server is on this machine, whatever the environment says


def check_empty(settings: Settings, project: Project) -> None:
    """Raises ConfigError when the project has an event or a user's profile, or when that cannot be told."""
    url = _url(settings.run_dir / "server.json")
    if not _is_loaded(settings.data_dir / "journal"):
        raise ConfigError("the journal is not loaded to its end yet: try again in a moment")
    if _ask(url + _EVENTS, project):
        raise ConfigError(f"project {project.project_id} has events")
    if json.loads(_ask(url + _PROFILES, project))["total"]:
        raise ConfigError(f"project {project.project_id} has profiles")


def _url(state: Path) -> str:
    try:
        return str(json.loads(state.read_text())["url"])
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError("whether the project has data is known to a running server only: start it first") from error


def _is_loaded(journal: Path) -> bool:
    try:
        head = Head(journal)
    except StorageError:
        return False
    try:
        return head.loaded >= head.written
    finally:
        head.close()


def _ask(url: str, project: Project) -> bytes:
    credentials = b64encode(f"{project.secret}:".encode()).decode()
    try:
        with _open(Request(url, headers={"Authorization": f"Basic {credentials}"}), timeout=_TIMEOUT_S) as reply:  # noqa: S310
            return bytes(reply.read())
    except (OSError, HTTPException) as error:
        why = f"{error.code} {error.reason}" if isinstance(error, HTTPError) else str(error)
        raise ConfigError(f"the server did not tell whether the project has data: {why}") from error
