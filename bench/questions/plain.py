"""The questions as plain statements over the table of events: what they cost without any preparation.

They are what the product would ask without a compacted table: `events FINAL`, properties read out of their JSON text,
and each person found by a join with the links. They are kept here so that no change of the product changes them.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final

import orjson

from bench.questions.questions import RETURN_BUCKETS, VALUES_MAX, WINDOW_DAYS, Answer, Days, Question, answer
from trackway.store.client import Store

_EVENTS: Final = """
FROM events FINAL PREWHERE project_id = {project:UInt32}
    AND toDate(time) >= toDate({first_date:String}) AND toDate(time) <= toDate({last_date:String})"""
_LOOKED_AHEAD: Final = {"funnel": WINDOW_DAYS, "retention": RETURN_BUCKETS}
"""Days behind the asked ones whose events belong to an answer."""
_DAY: Final = "toString(toDate(time))"
_LINKS: Final = """
SELECT given, joined_hash, joined_check FROM (
    SELECT id AS joined, rank, canonical_id AS given,
        cityHash64(joined) AS joined_hash, xxHash64(joined) AS joined_check
    FROM identity_links WHERE project_id = {project:UInt32}
) ORDER BY joined, rank DESC LIMIT 1 BY joined"""
_JOIN_SETTINGS: Final = """
SETTINGS query_plan_convert_outer_join_to_inner_join = 0, query_plan_convert_any_join_to_semi_or_anti_join = 0,
    query_plan_execute_functions_after_sorting = 0, join_algorithm = 'parallel_hash'"""


def _with_person(column: str, condition: str = "true") -> str:
    """FROM the events that meet a condition: `person`, the hash of the canonical id, and one more column."""
    hashed = "cityHash64(distinct_id) AS key_hash, xxHash64(distinct_id) AS key_check"
    return f"""
FROM (
    SELECT {column}, cityHash64(if(given = '', distinct_id, given)) AS person
    FROM (SELECT distinct_id, {column}, {hashed} {_EVENTS} AND {condition}) AS entry
    LEFT ANY JOIN ({_LINKS}) AS link ON entry.key_hash = link.joined_hash AND entry.key_check = link.joined_check
)"""


_TIME_MS: Final = "toUnixTimestamp64Milli(time)"
_ASKED: Final = "toDate(time) >= toDate({from_date:String}) AND toDate(time) <= toDate({to_date:String})"


def _breakdown(name: str, condition: str = "true") -> str:
    """The most frequent values, each with its events of every day: `countResample` has a counter for each day."""
    value = f"if(JSONHas(properties, '{name}'), JSONExtractString(properties, '{name}'), 'undefined')"
    return f"""
SELECT value, toString(toDate({{from_date:String}}) + day), events FROM (
    SELECT {value} AS value, count() AS total,
        countResample(0, {{days:UInt16}}, 1)(dateDiff('day', toDate({{from_date:String}}), time)) AS by_day
    {_EVENTS} AND {condition} GROUP BY value ORDER BY total DESC, value LIMIT {{limit:UInt32}}
) ARRAY JOIN by_day AS events, range(length(by_day)) AS day WHERE events != 0"""


def _first_after(times: str, previous: str) -> str:
    """The first of some times that is no more than two seconds before the previous step and within the window; 0 for
    none."""
    return f"arrayMin(arrayFilter(t -> {previous} != 0 AND t > {previous} - 2000 AND t <= first + 604800000, {times}))"


PLAIN: Final[Mapping[str, str]] = {
    "names": f"SELECT event, {_DAY} AS day, count() {_EVENTS} GROUP BY event, day",
    "persons": f"SELECT {_DAY} AS day, uniqExact(person) {_with_person('time')} GROUP BY day{_JOIN_SETTINGS}",
    "few_values": _breakdown("$browser"),
    "many_values": _breakdown("item_id", "event = 'Page View'"),
    "funnel": f"""
SELECT step, counts[step + 1] FROM (
    SELECT [count(), countIf(second != 0), countIf({_first_after("thirds", "second")} != 0)] AS counts FROM (
        SELECT first, thirds, {_first_after("seconds", "first")} AS second FROM (
            SELECT minIf({_TIME_MS}, event = 'Page View' AND {_ASKED}) AS first,
                groupArrayIf({_TIME_MS}, event = 'Add to Cart') AS seconds,
                groupArrayIf({_TIME_MS}, event = 'Purchase') AS thirds
            {_with_person("time, event", "event IN ('Page View', 'Add to Cart', 'Purchase')")}
            GROUP BY person HAVING first != 0
        )
    )
) ARRAY JOIN [0, 1, 2] AS step{_JOIN_SETTINGS}""",
    "retention": f"""
SELECT toString(toDate(intDiv(born, 86400000))) AS day, bucket, count() FROM (
    SELECT arraySort(groupArray({_TIME_MS})) AS times, times[1] AS born,
        arrayJoin(arrayDistinct(arrayMap(t -> intDiv(t - born, 86400000), arrayPopFront(times)))) AS bucket
    {_with_person("time")} GROUP BY person
    HAVING born < toUnixTimestamp(toDate({{to_date:String}}) + 1) * 1000
) WHERE bucket < {{buckets:UInt32}} GROUP BY day, bucket{_JOIN_SETTINGS}""",
    "sum": f"SELECT {_DAY} AS day, sum(JSONExtractFloat(properties, 'price')) {_EVENTS} GROUP BY day",
}


def ask_plain(store: Store, project_id: int, question: Question, days: Days) -> Answer:
    """The answer of a plain statement."""
    values = {
        "project": project_id,
        "first_date": days.from_date - timedelta(question.name == "funnel"),
        "from_date": days.from_date,
        "to_date": days.to_date,
        "last_date": days.to_date + timedelta(_LOOKED_AHEAD.get(question.name, 0)),
        "days": (days.to_date - days.from_date).days + 1,
        "limit": VALUES_MAX,
        "buckets": RETURN_BUCKETS,
    }
    bound = {name: str(value) if isinstance(value, date) else value for name, value in values.items()}
    pieces = store.stream(PLAIN[question.name], bound, "JSONCompactEachRow")
    return answer(orjson.loads(line) for line in b"".join(pieces).splitlines())
