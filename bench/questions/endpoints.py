"""The questions as a client of the Query API asks them, and the answers in its replies."""

import http.client
import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any, Final
from urllib.parse import urlencode

from bench.questions.questions import FUNNEL_DAYS, RETURN_BUCKETS, WINDOW_DAYS, Answer, Days, Question, answer
from bench.server import Keys

_ANSWER_S_MAX: Final = 300
_EVERY_EVENT: Final = {"event": ""}
_STEPS: Final = [{"event": name} for name in ("Page View", "Add to Cart", "Purchase")]
_ASKED: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "names": ("segmentation", _EVERY_EVENT),
    "persons": ("segmentation", {**_EVERY_EVENT, "type": "unique", "on": '"everybody"'}),
    "few_values": ("segmentation", {**_EVERY_EVENT, "on": 'properties["$browser"]'}),
    "many_values": ("segmentation", {"event": "Page View", "on": 'properties["item_id"]'}),
    "funnel": ("funnels", {"events": json.dumps(_STEPS), "interval": str(FUNNEL_DAYS), "length": str(WINDOW_DAYS)}),
    "retention": ("retention", {"interval_count": str(RETURN_BUCKETS - 1)}),
    "sum": ("segmentation/sum", {**_EVERY_EVENT, "on": 'properties["price"]'}),
}


def ask_endpoint(port: int, keys: Keys, question: Question, days: Days) -> Answer:
    """The answer of a report. Raises RuntimeError when it is not a 200."""
    return answer(_rows(question.name, _get(port, _target(question, days), keys)))


def reads_facts(port: int, keys: Keys, question: Question, days: Days) -> bool:
    """Whether the question's statements read what the compactor made."""
    explained = _get(port, f"{_target(question, days)}&explain=sql", keys)
    return any("FROM facts" in statement["sql"] for statement in explained["statements"])


def _target(question: Question, days: Days) -> str:
    path, asked = _ASKED[question.name]
    return f"/api/query/{path}?{urlencode({**asked, 'from_date': days.from_date, 'to_date': days.to_date})}"


def _get(port: int, target: str, keys: Keys) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_ANSWER_S_MAX)
    with closing(connection):
        connection.request("GET", target, headers={"Authorization": keys.authorization})
        reply = connection.getresponse()
        body = reply.read()
    if reply.status != 200:
        raise RuntimeError(f"{target} answered {reply.status}: {body[:300]!r}")
    return json.loads(body)


def _rows(name: str, reply: Any) -> Iterator[tuple[Any, ...]]:
    match name:
        case "funnel":
            ((_, found),) = reply["data"].items()
            yield from ((number, step["count"]) for number, step in enumerate(found["steps"]))
        case "retention":
            for day, row in reply.items():
                yield from ((day, bucket, number) for bucket, number in enumerate(row["counts"]))
        case "sum":
            yield from reply["results"].items()
        case _:
            for key, points in reply["data"]["values"].items():
                for day, number in points.items():
                    yield (day, number) if name == "persons" else (key, day, number)
