"""Numbers about profiles: their properties, statistics of an expression, and what their owners paid."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple

from trackway.query.expressions import Expression, Kind, of_kind, of_raw
from trackway.query.expressions.casts import moment_of_string
from trackway.query.expressions.values import DATETIME_PATTERN
from trackway.query.profile_query import SETTINGS, SMALL_BLOCK_PROFILES, ProfileQuery, chosen_profiles, profile_scope
from trackway.query.reports.run import Run, Statement
from trackway.query.sql.buckets import Buckets
from trackway.query.sql.cohort import Condition, members
from trackway.query.sql.lookups import LookedUp
from trackway.query.sql.tables import rows_from


class PropertyCount(NamedTuple):
    """How many profiles have a property, and the type of most of its values."""

    name: str
    profiles: int
    type: str


class Statistic(StrEnum):
    """What is made of the profiles: their number, or something of the numbers that an expression has in them."""

    COUNT = "count"
    EXTREMES = "extremes"
    PERCENTILE = "percentile"
    SUMMARY = "numeric_summary"


class Revenue(NamedTuple):
    """What was paid: its sum, in how many transactions, by how many persons."""

    amount: float
    transactions: int
    persons: int


_ENDS: Final = (" SETTINGS max_block_size = 8192", SETTINGS % SMALL_BLOCK_PROFILES)
"""Ends of a statement. The second one is for profiles of 2 MiB."""
_TYPES: Final = """multiIf(
    kind = 'String', if(match(ifNull(dynamicElement(value, 'String'), ''), {moment:String}), 'datetime', 'string'),
    kind IN ('Int64', 'UInt64', 'Float64'), 'number', kind = 'Bool', 'boolean', startsWith(kind, 'Array'), 'list',
    kind IN ('None', ''), 'unknown', 'object')"""
_DYNAMIC: Final = "input_format_try_infer_dates = 0, input_format_try_infer_datetimes = 0"
_NUMBERS: Final[Mapping[Statistic, str]] = {
    Statistic.EXTREMES: "min(value), max(value)",
    Statistic.PERCENTILE: "arraySort(groupArray(value)) AS sorted",
    Statistic.SUMMARY: "count(), avg(value), varPop(value), sum(value * value)",
}
_PLACE: Final = "(1 + {share:Float64} * (length(sorted) - 1))"
_BETWEEN: Final = (
    f"sorted[toUInt64(floor({_PLACE}))] * (1 - {_PLACE} + floor({_PLACE}))"
    f" + sorted[toUInt64(ceil({_PLACE}))] * ({_PLACE} - floor({_PLACE}))"
)


async def in_cohort(run: Run, query: ProfileQuery, cohort: Condition | None) -> ProfileQuery:
    """The same profiles, of members of a cohort alone, if there is one. Raises StoreError, ExpressionError."""
    if cohort is None:
        return query
    known = await run.known()
    if query.lists_all:  # facts do not have the ids of persons
        return query._replace(cohort=members(run.project_id, cohort, known._replace(facts=None)))
    return query._replace(cohort=members(run.project_id, cohort, known, "who"))


async def property_counts(run: Run, query: ProfileQuery, limit: int) -> list[PropertyCount]:
    """The properties that most profiles have, then by name. Raises StoreError, ExpressionError."""
    parameters: dict[str, Any] = {"limit": limit, "moment": DATETIME_PATTERN}
    document = f"SELECT JSONExtract(document, 'Map(String, Dynamic)') AS entries {_profiles(query, parameters)}"
    types = f"arrayMap(value -> (dynamicType(value) AS kind, {_TYPES}).2, mapValues(entries))"
    pairs = f"SELECT arrayJoin(arrayDistinct(arrayZip(mapKeys(entries), {types}))) AS pair {rows_from(document)}"
    counts = f"SELECT pair.1 AS name, pair.2 AS type, count() AS profiles {rows_from(pairs)} GROUP BY name, type"
    sql = f"SELECT name, sum(profiles) AS total, argMax(type, (profiles, type)) {rows_from(counts)} GROUP BY name"
    sql += " ORDER BY total DESC, name LIMIT {limit:UInt32}"
    return [PropertyCount(*row) for row in await _rows(run, query, sql, parameters, f", {_DYNAMIC}")]


async def statistics(
    run: Run, query: ProfileQuery, statistic: Statistic, of: Expression | None, percentile: float = 50
) -> list[Any]:
    """The values of a statistic: one for COUNT and PERCENTILE; the least and the greatest; number, mean, variance and
    the sum of squares. None where there is no number. Raises StoreError, ExpressionError."""
    parameters: dict[str, Any] = {"share": percentile / 100}
    if of is None:
        sql = f"SELECT count() {_profiles(query, parameters)}"
    else:
        scope = profile_scope(query, parameters)
        number = of_kind(of, Kind.NUMBER, scope.scope, parameters)
        profiles = _profiles(query, parameters, scope)
        chosen = f"{rows_from(f'SELECT {number} AS number {profiles}')} WHERE isFinite(number)"
        numbers = f"SELECT assumeNotNull(number) AS value {chosen}"
        sql = f"SELECT {_NUMBERS[statistic]} {rows_from(numbers)}"
        if statistic is Statistic.PERCENTILE:
            sql = f"SELECT if(empty(sorted), NULL, {_BETWEEN}) {rows_from(sql)}"
        else:
            sql += " HAVING count() > 0"
    found = await _rows(run, query, sql, parameters)
    return list(found[0]) if found else [None] * 4


async def revenue(run: Run, query: ProfileQuery, buckets: Buckets) -> tuple[Revenue, dict[str, Revenue]]:
    """What was paid in all buckets, and in each that has a transaction, by `$transactions` of profiles. A transaction
    without a number in `$amount` and a time in `$time`, which is UTC without a zone, is none. Raises StoreError,
    ExpressionError."""
    from_ms, before_ms = buckets.bounds_ms
    parameters: dict[str, Any] = {"from_ms": from_ms, "before_ms": before_ms}
    each = "arrayJoin(JSONExtractArrayRaw(document, '$transactions')) AS raw"
    raws = f"SELECT profile_id, {each} {_profiles(query, parameters)}"
    amount = of_raw("JSONExtractRaw(raw, '$amount')", Kind.NUMBER)
    moment = moment_of_string("JSONExtractString(raw, '$time')")
    paid = f"SELECT profile_id, {amount} AS amount, {moment} AS time_ms"
    within = "isFinite(amount) AND time_ms >= {from_ms:Int64} AND time_ms < {before_ms:Int64}"
    bucket = buckets.sql(parameters, "fromUnixTimestamp64Milli(assumeNotNull(time_ms), 'UTC')")
    counts = "assumeNotNull(sum(amount)), count(), uniqExact(profile_id)"
    chosen = f"{rows_from(f'{paid} {rows_from(raws)}')} WHERE {within}"
    sql = f"SELECT toString({bucket}) AS bucket, {counts} {chosen} GROUP BY bucket ORDER BY bucket"
    days = {key: _revenue(*rest) for key, *rest in await _rows(run, query, sql, parameters)}
    [overall] = await _rows(run, query, f"SELECT {counts} {chosen}", parameters)
    return _revenue(*overall), days


def _revenue(amount: float | None, transactions: int, persons: int) -> Revenue:
    return Revenue(float(amount or 0), transactions, persons)


def _profiles(query: ProfileQuery, parameters: dict[str, Any], scope: LookedUp | None = None) -> str:
    """FROM the profiles, each with its `profile_id` and `document`, and the columns that SQL of `scope` refers to."""
    return chosen_profiles(query._replace(output_properties=[]), parameters, scope)


async def _rows(
    run: Run, query: ProfileQuery, sql: str, parameters: dict[str, Any], settings: str = ""
) -> list[tuple[Any, ...]]:
    return await run.rows(*(Statement(f"{sql}{end}{settings}{query.settings}", parameters) for end in _ENDS))
