"""Events that are known by their names, and a number that counts them in a profile."""

import json

from tests.support.crash.process_tree import Tree
from tests.support.http.exchange import Request
from tests.support.server import Project


def send(tree: Tree, project: Project, *names: str) -> None:
    events = [
        {"event": name, "properties": {"token": project.token, "distinct_id": "a", "$insert_id": name}}
        for name in names
    ]
    updates = [{"$token": project.token, "$distinct_id": "a", "$add": {"n": len(names)}}]
    for path, records in (("/track", events), ("/engage", updates)):
        content = json.dumps(records).encode()
        assert tree.ask(Request("POST", path, (("Content-Type", "application/json"),), content)).status == 200


def names(tree: Tree, project: Project) -> list[str]:
    return sorted(line["event"] for line in tree.export(project))
