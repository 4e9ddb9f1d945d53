"""Replies held to the published documents."""

import json
from typing import Any

from tests.support.contract.openapi_documents import (
    documented_reply,
    documented_statuses,
    validate,
)
from tests.support.http.exchange import Reply


def assert_documented(path: str, reply: Reply) -> Any:
    """The reply's status is documented, and its body is as the schema and the example say."""
    assert reply.status in documented_statuses(path), reply
    media = (reply.header("content-type") or "").split(";")[0]
    content = documented_reply(path, reply.status)
    assert media in content, f"{media} is not documented for {path} {reply.status}: {list(content)}"
    body = json.loads(reply.body)
    validate(content[media]["schema"], content[media]["schema"].get("example"), body)
    return body
