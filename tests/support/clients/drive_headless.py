"""Runs in the clients' own environment: calls of a `mixpanel_headless.Workspace`, as JSON on standard input.

[name, arguments] each; `filter` among the arguments is a constructor of `Filter` and what it takes. What each gave
leaves as JSON on standard output.
"""

import json
import sys
from typing import Any

from mixpanel_headless import Filter, Workspace


def given(found: Any) -> Any:
    if hasattr(found, "profiles"):
        return {"profiles": found.profiles, "total": found.total}
    return list(found)


def called(workspace: Workspace, name: str, arguments: dict[str, Any]) -> Any:
    if "filter" in arguments:
        constructor, *of = arguments.pop("filter")
        arguments["where"] = getattr(Filter, constructor)(*of)
    try:
        return given(getattr(workspace, name)(**arguments))
    except Exception as error:
        return {"raised": type(error).__name__, "text": str(error)}


workspace = Workspace()
json.dump([called(workspace, name, arguments) for name, arguments in json.load(sys.stdin)], sys.stdout, default=str)
