"""The figures: one row each, with its unit and the goal of the design where there is one.

A round's measurements go in, its values leave by the name of the figure; over all rounds a figure is a median with the
lowest and highest value beside it.
"""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from bench.questions.measure import Asked
from bench.rounds import Round

_MB: Final = 1e6
NEWEST_ROOM_S: Final = 0.3
"""What a question may take longer while events are newer than the last compaction, where twice the time is less."""


class Figure(NamedTuple):
    """A row of the table. A goal is a bound of the median: `at_least` or `at_most`, never both."""

    name: str
    label: str
    unit: str
    at_least: float | None = None
    at_most: float | None = None


FIGURES: Final = (
    Figure("import_acknowledged_rate", "`/import`, acknowledged", "events/s"),
    Figure("import_queryable_rate", "`/import`, queryable", "events/s"),
    Figure("parse_rate", "`orjson.loads` of the same, one core", "events/s"),
    Figure("import_acknowledged_ratio", "`/import` acknowledged ÷ `orjson.loads`", "×"),
    Figure("import_queryable_ratio", "`/import` queryable ÷ `orjson.loads`", "×", at_least=0.5),
    Figure("import_reply_p99_ms", "`/import`, time to reply, p99", "ms"),
    Figure("import_verified_percent", "`/import`, of which the loader verifies", "%", at_most=1),
    Figure("file_queryable_rate", "`trackway import` of the same events, queryable", "events/s"),
    Figure("file_ratio", "the same ÷ `/import` queryable", "×", at_least=1.1),
    Figure("track_rate", "`/track`, one event a request", "events/s"),
    Figure("bare_rate", "bare server answering `1`", "requests/s"),
    Figure("track_ratio", "`/track` ÷ bare server", "×", at_least=0.6),
    Figure("track_reply_p99_ms", "`/track`, time to reply, p99", "ms"),
    Figure("visible_p50_s", "200 to visible at half load, p50", "s"),
    Figure("visible_p99_s", "200 to visible at half load, p99", "s", at_most=2.0),
    Figure("visible_load_rate", "the half load", "events/s"),
    Figure("export_rate", "export, events", "events/s", at_least=300_000),
    Figure("export_mb_per_s", "export, bytes", "MB/s"),
    Figure("export_edge_growth_mb", "edge grows during an export by", "MB"),
    Figure("export_store_growth_mb", "store grows during an export by", "MB"),
    Figure("resolved_export_ratio", "export, ids resolved ÷ not, 10 M events, 1 M links", "×", at_most=1.2),
    Figure("resolved_count_ratio", "count by user, the same", "×", at_most=1.2),
    Figure("questions_ratio", "questions, trackway ÷ DuckDB, geometric mean", "×", at_most=1),
    Figure("question_ratio", "the slowest of them ÷ DuckDB", "×", at_most=5),
    Figure("plain_ratio", "the slowest of them ÷ its plain statement", "×", at_most=0.1),
    Figure("newest_ratio", "the slowest, 5 % newer than facts ÷ 2 × before or + 0.3 s", "×", at_most=1),
    Figure("questions_growth_mb", "store grows during a question by", "MB", at_most=630),
    Figure("dashboard_page_p95_ms", "a dashboard of six reports, the page, p95", "ms", at_most=200),
    Figure("dashboard_complete_p95_s", "the same, all reports, p95", "s", at_most=2),
    Figure("beside_track_ratio", "`/track` p99 at half load, beside five reports ÷ without", "×", at_most=1.5),
    Figure("backup_ratio", "`/import` queryable, beside backups ÷ without", "×", at_least=0.9),
    Figure("shown_p99_s", "200 to a report at half load, p99", "s", at_most=2.0),
    Figure("beside_shown_p99_s", "the same, beside five reports", "s"),
    Figure("hot_profile_rate", "`/engage`, all of one profile, in the store", "updates/s"),
    Figure("hot_profile_ratio", "the same ÷ `orjson.loads` of the bodies", "×"),
    Figure("wide_profiles_rate", "`/engage`, each of another profile, in the store", "updates/s"),
    Figure("wide_profiles_ratio", "the same ÷ `orjson.loads` of the bodies", "×"),
    Figure("fat_profile_writes_ratio", "bytes written ÷ sent, small updates of a fat profile", "×"),
    Figure("profiles_loader_mb", "loader's memory meanwhile", "MB"),
    Figure("memory_idle_mb", "memory, idle after start", "MB", at_most=450),
    Figure("memory_load_mb", "memory, highest under load", "MB", at_most=1500),
    Figure("start_fresh_s", "start to first 200, fresh directory", "s", at_most=2.0),
    Figure("start_existing_s", "start to first 200, existing data", "s", at_most=2.0),
)


def values_of(measured: Round, asked: Asked) -> dict[str, float]:
    """One value for each figure."""
    imports, singles, visibility, profiles = (
        measured.imports,
        measured.singles,
        measured.visibility,
        measured.profiles,
    )
    export = imports.export
    loads = (imports, singles, export, profiles.hot, profiles.wide)
    values = {
        "import_acknowledged_rate": imports.acknowledged_rate,
        "import_queryable_rate": imports.queryable_rate,
        "parse_rate": imports.parse_rate,
        "import_acknowledged_ratio": imports.acknowledged_rate / imports.parse_rate,
        "import_queryable_ratio": imports.queryable_rate / imports.parse_rate,
        "import_reply_p99_ms": imports.reply_p99_s * 1e3,
        "import_verified_percent": imports.verified_share * 100,
        "file_queryable_rate": measured.file.queryable_rate,
        "file_ratio": measured.file.queryable_rate / imports.queryable_rate,
        "track_rate": singles.track_rate,
        "bare_rate": singles.bare_rate,
        "track_ratio": singles.track_rate / singles.bare_rate,
        "track_reply_p99_ms": singles.reply_p99_s * 1e3,
        "visible_p50_s": visibility.p50_s,
        "visible_p99_s": visibility.p99_s,
        "visible_load_rate": visibility.load_rate,
        "export_rate": export.events / export.duration_s,
        "export_mb_per_s": export.size_bytes / export.duration_s / _MB,
        "export_edge_growth_mb": export.edge_growth_bytes / _MB,
        "export_store_growth_mb": export.store_growth_bytes / _MB,
        "resolved_export_ratio": measured.resolving.export_ratio,
        "resolved_count_ratio": measured.resolving.count_ratio,
        **_values_of_questions(asked),
        "hot_profile_rate": profiles.hot.stored_rate,
        "hot_profile_ratio": profiles.hot.stored_rate / profiles.hot.parse_rate,
        "wide_profiles_rate": profiles.wide.stored_rate,
        "wide_profiles_ratio": profiles.wide.stored_rate / profiles.wide.parse_rate,
        "fat_profile_writes_ratio": measured.writes.ratio,
        "profiles_loader_mb": max(profiles.hot.loader_bytes, profiles.wide.loader_bytes) / _MB,
        "memory_idle_mb": measured.memory_idle_bytes / _MB,
        "memory_load_mb": max(each.memory_bytes for each in loads) / _MB,
        "start_fresh_s": measured.start_fresh_s,
        "start_existing_s": measured.start_existing_s,
    }
    assert list(values) == [figure.name for figure in FIGURES], "each figure has its value"
    return values


def _values_of_questions(asked: Asked) -> dict[str, float]:
    settled, newest = asked.settled.times, asked.newest.times
    ratios = [each.asked_s / each.prepared_s for each in settled.values()]
    allowed_s = {name: max(2 * each.asked_s, each.asked_s + NEWEST_ROOM_S) for name, each in settled.items()}
    return {
        "questions_ratio": statistics.geometric_mean(ratios),
        "question_ratio": max(ratios),
        "plain_ratio": max(each.asked_s / asked.plain[name].asked_s for name, each in settled.items()),
        "newest_ratio": max(each.asked_s / allowed_s[name] for name, each in newest.items()),
        "questions_growth_mb": max(asked.settled.growth_bytes, asked.newest.growth_bytes) / _MB,
        "dashboard_page_p95_ms": asked.dashboard.page_p95_s * 1e3,
        "dashboard_complete_p95_s": asked.dashboard.complete_p95_s,
        "beside_track_ratio": asked.beside.beside.reply_p99_s / asked.beside.alone.reply_p99_s,
        "backup_ratio": asked.backups.beside_rate / asked.backups.alone_rate,
        "shown_p99_s": asked.beside.alone.shown_p99_s,
        "beside_shown_p99_s": asked.beside.beside.shown_p99_s,
    }


def summarize(rounds: Sequence[Mapping[str, float]]) -> dict[str, dict[str, Any]]:
    """By name: unit, median, lowest, highest, all values, and whether the goal is reached (None without a goal)."""
    return {figure.name: _summary(figure, [values[figure.name] for values in rounds]) for figure in FIGURES}


def _summary(figure: Figure, values: list[float]) -> dict[str, Any]:
    median = statistics.median(values)
    reached = None
    if figure.at_least is not None:
        reached = median >= figure.at_least
    elif figure.at_most is not None:
        reached = median <= figure.at_most
    return {
        "unit": figure.unit,
        "median": median,
        "lowest": min(values),
        "highest": max(values),
        "values": values,
        "goal": goal_text(figure),
        "reached": reached,
    }


def goal_text(figure: Figure) -> str:
    """`≥ 0.5 ×`, or nothing."""
    if figure.at_least is not None:
        return f"≥ {figure.at_least:,g} {figure.unit}"
    return f"≤ {figure.at_most:,g} {figure.unit}" if figure.at_most is not None else ""


def number_text(value: float) -> str:
    """Three digits that mean something: `0.482`, `57.3`, `104,000`."""
    if value == 0:
        return "0"
    digits = max(0, 2 - (len(f"{abs(value):.0f}") - 1)) if abs(value) >= 1 else 3
    rounded = round(value, 3 - len(f"{abs(value):.0f}")) if abs(value) >= 1000 else value
    return f"{rounded:,.{digits}f}"
