"""Mixpanel's published API documents, read as data: schemas and examples by operation.

`openapi/` holds the documents unchanged. The documents describe replies loosely (no required keys), so `validate`
also holds a reply to the keys of the document's own example.
"""

from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import yaml

OPENAPI = Path(__file__).parents[2] / "system" / "contract" / "openapi"


@cache
def document(name: str) -> dict[str, Any]:
    """A whole document: `ingestion`, `export` or `query`."""
    read: dict[str, Any] = yaml.safe_load((OPENAPI / f"{name}.openapi.yaml").read_text())
    return read


def operation(path: str) -> dict[str, Any]:
    """One path's operation: POST on ingestion, GET on export."""
    name, method = ("export", "get") if path == "/export" else ("ingestion", "post")
    found: dict[str, Any] = document(name)["paths"][path][method]
    return found


def resolved(value: Any, name: str = "ingestion") -> Any:
    """The value with every `$ref` into its own document replaced by what it points at."""
    if isinstance(value, list):
        return [resolved(each, name) for each in value]
    if not isinstance(value, dict):
        return value
    if "$ref" in value:
        target: Any = document(name)
        for step in value["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        return resolved(target, name)
    return {key: resolved(each, name) for key, each in value.items()}


def documented_reply(path: str, status: int) -> dict[str, Any]:
    """The content of a documented reply: schema and example for each media type."""
    content: dict[str, Any] = resolved(operation(path)["responses"][str(status)])["content"]
    return content


def documented_statuses(path: str) -> set[int]:
    """The statuses an operation may answer."""
    return {int(status) for status in operation(path)["responses"]}


def request_schema(path: str) -> dict[str, Any]:
    """The JSON schema of an operation's body.

    The documents put the items' `additionalProperties: false` beside the array, where it says nothing.
    """
    schema: dict[str, Any] = resolved(operation(path)["requestBody"]["content"]["application/json"]["schema"])
    return schema


def validate(schema: dict[str, Any], example: Any, instance: Any) -> None:
    """Raise when an instance breaks the schema or lacks a key that the documented example has."""
    jsonschema_rs.validator_for(schema).validate(instance)
    if isinstance(example, dict):
        missing = example.keys() - instance.keys()
        assert not missing, f"{sorted(missing)} of the documented example are missing in {instance}"
        for key, part in example.items():
            validate({}, part, instance[key])
    elif isinstance(example, list) and example and instance:
        validate({}, example[0], instance[0])
