"""How a page of reports asks: by the functions of the API, and with the question in the words of others beside it."""

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any, Final

from trackway.edge.access.change_queue import Changes
from trackway.query.reports.run import Run, Statement
from trackway.web.limits import EVENTS_OFFERED_MAX, PAGE_REPORT_S_MAX
from trackway.web.mapped_properties import mapped_for
from trackway.web.page import Page
from trackway.web.store_errors import answer_of
from trackway.web.suggestions import suggestions

SMALLER: Final = "choose fewer days, or an event that is less frequent"
"""What helps a question that takes too long."""


async def run_of(page: Page, changes: Changes) -> Run:
    """The run of a page's report, with the lookup tables that its address may name. Raises RequestError 503."""
    mapped = await mapped_for(page, changes)
    return Run(page.reader, page.project.project_id, mapped, blocks_s_max=PAGE_REPORT_S_MAX)


async def offered_events(page: Page) -> list[str]:
    """The most frequent events of the last days, which an empty form offers. Raises RequestError 400, StorageError."""
    run = Run(page.reader, page.project.project_id)
    return await answer_of(suggestions(run, page.project, "events", limit=EVENTS_OFFERED_MAX), SMALLER)


def sql_text(statements: Sequence[Statement]) -> str:
    """The statements that were run, each with the values that it binds."""
    texts = [f"{each.sql}\n-- {json.dumps(each.parameters, ensure_ascii=False)}" for each in statements]
    return "\n\n".join(texts)


def curl_text(page: Page, path: str, asked: Mapping[str, Any]) -> str:
    """The same question as a request to the report at a path of the API. `asked`: its parameters."""
    body = json.dumps({"project_id": page.project.project_id, **asked}, ensure_ascii=False)
    address = shlex.quote(f"{page.server_address}/api/query/{path}")
    return f"curl -u '<secret>:' {address} -H 'Content-Type: application/json' -d {shlex.quote(body)}"
