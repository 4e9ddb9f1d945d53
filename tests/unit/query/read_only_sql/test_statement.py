"""What a statement becomes: names within quotes, texts as parameters, views for tables, and a refusal for all else."""

import re
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.examples import examples
from tests.support.query.sql_statements import STATEMENTS
from trackway.query.limits import SQL_BYTES_MAX, SQL_NODES_MAX, SQL_TEXTS_BYTES_MAX
from trackway.query.read_only_sql.functions import allowed_functions
from trackway.query.read_only_sql.parser import parsed
from trackway.query.read_only_sql.refusal import SqlRefused
from trackway.query.read_only_sql.statement import Written, write

VIEWS: Final = {"events": "VIEW OF EVENTS", "profiles": "VIEW OF PROFILES"}


def written(text: str) -> Written:
    return write(parsed(text), VIEWS)


def refusal(text: str) -> str:
    with pytest.raises(SqlRefused) as refused:
        written(text)
    return str(refused.value)


@pytest.mark.parametrize(
    ("text", "sql"),
    [
        ("select count() from events", "SELECT count() FROM (VIEW OF EVENTS) AS `events`"),
        ("SELECT COUNT(DISTINCT a) FROM events AS e", "SELECT count(DISTINCT `a`) FROM (VIEW OF EVENTS) AS `e`"),
        ("SELECT 1 -- a\n/* b */", "SELECT 1"),
        ("FROM events SELECT time", "SELECT `time` FROM (VIEW OF EVENTS) AS `events`"),
        ("SELECT quantile(0.5)(a)", "SELECT quantile(0.5)(`a`)"),
        ("SELECT a ? b : c", "SELECT if(`a`, `b`, `c`)"),
        ("SELECT arrayMap((x, y) -> x + y, a, b)", "SELECT arrayMap((`x`, `y`) -> (`x` + `y`), `a`, `b`)"),
        ("SELECT a[1], a[-1], [1, 2]", "SELECT `a`[1], `a`[(- 1)], [1, 2]"),
        ("SELECT time - INTERVAL 7 DAY", "SELECT (`time` - toIntervalDay(7))"),
        ("SELECT a::UInt8, CAST(b AS Array(Nullable(Int64)))", None),
        ("SELECT a NOT LIKE b, a NOT BETWEEN 1 AND 2, a IS NOT NULL", None),
        ("SELECT (a, b) IN ((1, 2), (3, 4)), c IN (SELECT 1)", None),
        ("SELECT 1 UNION ALL SELECT 2", "(SELECT 1) UNION ALL (SELECT 2)"),
        ("SELECT 1 UNION ALL SELECT 2 LIMIT 1", "(SELECT 1) UNION ALL (SELECT 2 LIMIT 1)"),
        (
            "SELECT sum(a) OVER (PARTITION BY b ORDER BY c ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)",
            "SELECT sum(`a`) OVER (PARTITION BY `b` ORDER BY `c` ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)",
        ),
        ("SELECT lag(a) OVER w FROM events WINDOW w AS (ORDER BY b)", None),
        ("SELECT * EXCEPT (a), e.* FROM events AS e", "SELECT * EXCEPT (`a`), `e`.* FROM (VIEW OF EVENTS) AS `e`"),
        (
            "SELECT 1 FROM events ASOF LEFT JOIN profiles AS p ON events.a = p.a AND events.t >= p.t",
            "SELECT 1 FROM (VIEW OF EVENTS) AS `events` ASOF LEFT JOIN (VIEW OF PROFILES) AS `p`"
            " ON ((`events`.`a` = `p`.`a`) AND (`events`.`t` >= `p`.`t`))",
        ),
        (
            "SELECT x FROM events LEFT ARRAY JOIN mapKeys(properties) AS x",
            "SELECT `x` FROM (VIEW OF EVENTS) AS `events` LEFT ARRAY JOIN mapKeys(`properties`) AS `x`",
        ),
        ("SELECT a FROM events ORDER BY a DESC NULLS FIRST LIMIT 2 OFFSET 1", None),
        ("SELECT a FROM events LIMIT 1 BY b", "SELECT `a` FROM (VIEW OF EVENTS) AS `events` LIMIT 1 BY `b`"),
        ("SELECT a FROM events GROUP BY ALL HAVING count() > 1", None),
        ("SELECT CASE WHEN a THEN 1 ELSE 2 END", "SELECT CASE WHEN `a` THEN 1 ELSE 2 END"),
        ("SELECT EXISTS(SELECT 1)", "SELECT EXISTS (SELECT 1)"),
    ],
)
def test_statement_is_written_from_its_tree(text: str, sql: str | None) -> None:
    found = written(text)
    if sql is not None:
        assert found.sql == sql
    assert written(found.sql.replace("(VIEW OF EVENTS)", "events").replace("(VIEW OF PROFILES)", "profiles")).sql


def test_texts_are_bound() -> None:
    found = written(r"""SELECT 'it''s', '\\', '\'', '{x:String}', '--' FROM events WHERE event = 'a' """)
    assert list(found.parameters.values()) == ["it's", "\\", "'", "{x:String}", "--", "a"]
    assert "'" not in found.sql and "\\" not in found.sql


def test_parts_of_with_get_names_that_no_table_has() -> None:
    found = written("WITH events AS (SELECT * FROM events), loads AS (SELECT 1 AS a) SELECT * FROM events, loads")
    assert found.sql == (
        "WITH `cte_1_events` AS (SELECT * FROM (VIEW OF EVENTS) AS `events`), `cte_2_loads` AS (SELECT 1 AS `a`)"
        " SELECT * FROM `cte_1_events` AS `events` CROSS JOIN `cte_2_loads` AS `loads`"
    )


def test_part_of_with_is_seen_within_its_query_alone() -> None:
    assert "'a'" in refusal("SELECT * FROM (WITH a AS (SELECT 1) SELECT * FROM a) AS x, a")
    assert "'a'" in refusal("WITH a AS (SELECT * FROM a) SELECT * FROM a")
    assert written("WITH a AS (SELECT 1) SELECT * FROM (SELECT * FROM a) AS x").sql.count("`cte_1_a`") == 2


def test_columns_have_the_names_that_were_written() -> None:
    assert written("SELECT a, b AS c, count(), e.d FROM events AS e").names == ["a", "c", "count()", "d"]
    assert written("SELECT a + 'x' FROM events UNION ALL SELECT 2").names == ["a + 'x'"]
    assert written("SELECT *, 1 FROM events").names is None
    assert written("SELECT lag(a) OVER w FROM events WINDOW w AS (ORDER BY b)").names == ["lag(a) OVER w"]


TABLES = [
    "system.one",
    "default.events",
    "identity_links",
    "loads",
    "events_shards.events",
    "information_schema.tables",
]
SOURCES = ["file('x')", "url('http://127.0.0.1')", "numbers(3)", "remote('a', b.c)", "merge('', '')", "view(SELECT 1)"]


@pytest.mark.parametrize("source", [*TABLES, *SOURCES, "events FINAL", "events SAMPLE 0.1", "VALUES(1)", "a.b.c"])
@pytest.mark.parametrize(
    "form", ["SELECT * FROM {}", "SELECT 1 FROM events JOIN {} USING a", "SELECT (SELECT 1 FROM {})"]
)
def test_other_sources_are_refused(source: str, form: str) -> None:
    assert "events" in refusal(form.format(source)) or "SAMPLE" in refusal(form.format(source))


@pytest.mark.parametrize("name", ["file", "url", "dictGet", "joinGet", "getSetting", "hostName", "sleep", "currentUser",
                                  "version", "getMacro", "addressToLine", "arrayReduce", "in", "initializeAggregation",
                                  "currentDatabase", "tcpPort", "filesystemAvailable", "FQDN", "uptime", "throwIf",
                                  "executable", "remote", "input", "getServerSetting", "catboostEvaluate", "sumState",
                                  "finalizeAggregation", "COLUMNS", "displayName", "queryID"])  # fmt: skip
def test_functions_that_are_not_listed_are_refused(name: str) -> None:
    assert "not allowed" in refusal(f"SELECT {name}(a, b) FROM events")


def test_refusal_of_a_function_lists_those_that_are_allowed() -> None:
    text = refusal("SELECT FiLe('x')")
    assert text.startswith("function 'FiLe' is not allowed; allowed are abs, ")
    assert all(f" {name}" in text for name in allowed_functions())


@pytest.mark.parametrize(
    "text",
    [
        "", "  ", "SELECT 1; SELECT 2", "DROP TABLE events", "INSERT INTO events SELECT 1", "EXPLAIN SELECT 1",
        "SHOW TABLES", "DESCRIBE TABLE events", "SYSTEM RELOAD CONFIG", "SET a = 1", "USE a", "KILL QUERY WHERE 1",
        "CREATE TABLE a (b Int8)", "ALTER TABLE events DELETE WHERE 1", "SELECT 1 SETTINGS readonly = 0",
        "SELECT 1 FORMAT CSV", "SELECT 1 INTO OUTFILE 'a'", "SELECT {a:String}", "SELECT {a:Identifier}",
        "SELECT * FROM {a:Identifier}", "SELECT a IN loads", "SELECT a IN (loads)", "SELECT a IN (1, loads)",
        "SELECT a IN events", "SELECT a NOT IN loads", "SELECT a GLOBAL IN loads", "SELECT arrayMap(l -> 1 IN (l), a)",
        "WITH x -> 1 AS equals SELECT * FROM events", "WITH (x, y) -> 1 AS equals SELECT * FROM events",
        "SELECT (x -> 1) AS equals FROM events", "SELECT arrayMap((x -> x) AS equals, a)", "SELECT x -> 1",
        "SELECT project_id FROM events", "SELECT 1 AS project_id", "WITH 1 AS Project_ID SELECT 1",
        "SELECT arrayMap(project_id -> 1, a)", "SELECT 1 FROM events AS project_id", "SELECT `a\\`b`", 'SELECT "a""b"',
        "SELECT `a\\\\`", "SELECT 1 AS `'`", "SELECT * REPLACE (1 AS a) FROM events", "SELECT * APPLY(sum) FROM events",
        "SELECT COLUMNS('a') FROM events", "SELECT a FROM events PREWHERE b",
        "SELECT a FROM events GROUP BY a WITH TOTALS",
        "SELECT 1 FROM events ANY LEFT JOIN profiles USING a", "SELECT 1 FROM events LEFT SEMI JOIN profiles USING a",
        "SELECT 1 FROM events PASTE JOIN profiles", "SELECT 1 FROM events NATURAL JOIN profiles",
        "WITH RECURSIVE a AS (SELECT 1) SELECT * FROM a", "SELECT CAST(a AS AggregateFunction(sum, UInt8))",
        "SELECT CAST(a, 'String')", "SELECT a::Enum8('a' = 1)", "SELECT a = ANY (SELECT 1)",
        "SELECT count() FILTER (WHERE a)",
        "SELECT a FROM events AS e (b)", "SELECT DISTINCT ON (a) b FROM events", "SELECT a ORDER BY a WITH FILL",
        "SELECT 1 UNION ALL (SELECT 2) ORDER BY 1", "SELECT $$a$$", "SELECT 0x1F",
        "SELECT a.1", "SELECT a.b.c FROM events", "SELECT a.^b", "SELECT @a", "SELECT ?", "SELECT :a",
        "SELECT 1 LIMIT 1 WITH TIES",
        "SELECT '", "SELECT (", "TABLE events", "VALUES (1)",
    ],
)  # fmt: skip
def test_all_else_is_refused(text: str) -> None:
    assert refusal(text)


@pytest.mark.parametrize(
    "text",
    ["a = b < c", "a = b IN (1, 2)", "a < b NOT IN (1, 2)", "a BETWEEN 1 AND 2 = b", "a = NOT b"],
)
def test_comparisons_behind_one_another_are_refused(text: str) -> None:
    assert refusal(f"SELECT {text}").startswith("write parentheses around ")


def test_comparisons_within_parentheses_are_not() -> None:
    assert written("SELECT (a = b) < c, a = (b IN (1, 2)), NOT a = b, a = b AND c = d, a = b + c").sql


def test_sizes_are_bounded() -> None:
    assert str(SQL_BYTES_MAX) in refusal(f"SELECT {'1 + ' * SQL_BYTES_MAX} 1")
    assert str(SQL_NODES_MAX) in refusal(f"SELECT {', '.join(['1'] * (SQL_NODES_MAX + 1))}")
    assert str(SQL_TEXTS_BYTES_MAX) in refusal(f"SELECT '{'x' * SQL_TEXTS_BYTES_MAX}', 'y'")
    assert "levels" in refusal(f"SELECT {'(' * 2000}1{')' * 2000}")
    assert "levels" in refusal(f"SELECT {'abs(' * 500}1{')' * 500}")
    assert written(f"SELECT a FROM events WHERE {' OR '.join(['b = 1'] * 300)}").sql.count("OR") == 299


_TOKEN = re.compile(
    r"`[\w $.()%/+-]+`|\{text_\d+:String\}|\(VIEW OF [A-Z]+\)|[A-Za-z_]\w*|[0-9.]+([eE][+-]?\d+)?|[^\w'\"\\#;]"
)
_KEYWORDS_WORDS = """
SELECT DISTINCT FROM AS WITH WHERE AND OR NOT IN IS NULL LIKE ILIKE BETWEEN GROUP BY ALL HAVING ORDER DESC NULLS FIRST
LIMIT OFFSET JOIN ON USING LEFT RIGHT FULL INNER OUTER CROSS ASOF ARRAY UNION EXCEPT INTERSECT OVER PARTITION ROWS RANGE
PRECEDING FOLLOWING CURRENT ROW UNBOUNDED WINDOW QUALIFY CASE WHEN THEN ELSE END CAST DIV EXISTS true false
String Nullable UInt8 Int64 Date Array
"""
_KEYWORDS = frozenset(_KEYWORDS_WORDS.split())


@settings(max_examples=examples(100))
@given(STATEMENTS)
def test_what_is_written_has_names_in_quotes_keywords_and_allowed_functions_alone(text: str) -> None:
    try:
        found = written(text)
    except SqlRefused:
        return
    place, functions = 0, {name.lower() for name in allowed_functions()}
    while place < len(found.sql):
        token = _TOKEN.match(found.sql, place)
        assert token is not None, found.sql[place:]
        word = token.group()
        if word[0].isalpha() and word not in _KEYWORDS and not word.startswith("toInterval"):
            assert re.sub("(If|Distinct|OrNull)$", "", word).lower() in functions, word
            assert found.sql[token.end()] == "(", found.sql
        place = token.end()
    for name in re.findall(r"(?:FROM|(?<!ARRAY )JOIN) (`[^`]+`)", found.sql):
        assert name.startswith("`cte_"), found.sql


@given(st.text(max_size=60))
def test_any_text_is_written_or_refused(text: str) -> None:
    try:
        written(text)
    except SqlRefused as error:
        assert str(error)
