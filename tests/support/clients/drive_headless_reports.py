"""Runs in the clients' own environment: questions to a `mixpanel_headless.Workspace`, as JSON on standard input.

[name, arguments] each. An argument `{"new": [name, arguments…], …}` is made by what the package has under that name,
`Filter.equals` or `Metric`, of these arguments and the named ones beside. What each call gave leaves as JSON on
standard output: results as dicts, with the rows of their data frame under `rows`.
"""

import json
import sys
from typing import Any

import mixpanel_headless


def made(value: Any) -> Any:
    if isinstance(value, list):
        return [made(each) for each in value]
    if not isinstance(value, dict) or "new" not in value:
        return value
    name, *arguments = value["new"]
    maker = mixpanel_headless
    for part in name.split("."):
        maker = getattr(maker, part)
    named = {key: made(each) for key, each in value.items() if key != "new"}
    return maker(*made(arguments), **named)


def given(found: Any) -> Any:
    if isinstance(found, list):
        return [given(each) for each in found]
    if not hasattr(found, "to_dict"):
        return found
    frame = found.df if hasattr(found, "df") else None
    rows = {} if frame is None else {"rows": json.loads(frame.to_json(orient="records", date_format="iso"))}
    return found.to_dict() | rows


def called(workspace: Any, name: str, arguments: dict[str, Any]) -> Any:
    try:
        return given(getattr(workspace, name)(**{key: made(value) for key, value in arguments.items()}))
    except Exception as error:
        return {"raised": type(error).__name__, "text": str(error)}


workspace = mixpanel_headless.Workspace()
json.dump([called(workspace, name, arguments) for name, arguments in json.load(sys.stdin)], sys.stdout, default=str)
