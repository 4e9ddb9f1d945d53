"""Runs `mixpanel-headless`, Mixpanel's own query SDK, led to a server by its environment variables."""

import json
from pathlib import Path
from typing import Any

from tests.support.clients.environments import HERE, PYTHON, run
from tests.support.server import Project, Server
from tests.support.service_accounts import Credentials


def run_query_sdk(
    driver: str,
    server: Server,
    project: Project,
    account: Credentials,
    home: Path,
    given: Any = None,
    **environment: str,
) -> Any:
    """What a driver beside this module prints as JSON. It reads `given`, and the SDK may write below `home`."""
    known = {
        "MP_API_BASE_URL": server.url,
        "MP_APP_BASE_URL": server.url,
        "MP_USERNAME": account.username,
        "MP_SECRET": account.secret,
        "MP_PROJECT_ID": str(project.project_id),
        "MP_REGION": "us",
        "HOME": str(home),
    }
    return json.loads(run([PYTHON, HERE / driver], given, **known, **environment))
