"""Random statements of SQL that try to see more than a project's views: subqueries, WITH, aliases, joins, lambdas."""

from typing import Final

from hypothesis import strategies as st

_VIEWS: Final = ["events", "profiles", "group_profiles"]
_COLUMNS: Final = ["time", "event", "distinct_id", "properties", "insert_id", "device_id"]
_NAMES: Final = [*_VIEWS, "loads", "identity_links", "facts", "x", "y", "equals", "time", "event"]
_REAL: Final = ["loads", "identity_links", "event_keys", "facts", "system.parts", "default.events", "numbers(3)", "x"]
_REAL_ONLY: Final = [*_REAL, "file('canary.txt')", "merge('', 'events')", "view(SELECT 1)", "events FINAL"]
"""What a statement may not read."""
_quoted = st.one_of(
    st.sampled_from(_NAMES),
    st.builds("{0}{1}{0}".format, st.sampled_from('`"'), st.sampled_from([*_NAMES, "and", "a b"])),
)


def _rarely(seldom: st.SearchStrategy[str], else_: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.integers(0, 9).flatmap(lambda number: seldom if number == 7 else else_)


_column = _rarely(
    st.one_of(_quoted, st.just("project_id"), st.just("position")),
    st.one_of(
        st.sampled_from(_COLUMNS),
        st.builds("{}.{}".format, st.sampled_from(_VIEWS), st.sampled_from(_COLUMNS)),
    ),
)
_constant = st.sampled_from(["1", "0", "2.5", "'a'", "''", "'it''s'", "NULL", "'2026-02-28'", "[1, 2]", "true"])


def _expressions(inner: st.SearchStrategy[str], query: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operator = st.sampled_from(["=", "!=", "<", ">=", "+", "-", "AND", "OR", "||", "LIKE", "/"])
    one = st.sampled_from(["toString", "length", "lower", "count", "any", "max", "uniq", "groupArray", "toDate",
                           "JSONExtractArrayRaw", "arrayJoin", "min", "toTypeName", "cityHash64"])  # fmt: skip
    return st.one_of(
        st.builds("({} {} {})".format, inner, operator, inner),
        st.builds("{}({})".format, one, inner),
        st.builds("if({}, {}, {})".format, inner, inner, inner),
        st.builds("JSONExtractString({}, {})".format, inner, _constant),
        st.builds("arrayMap({} -> {}, [{}])".format, st.sampled_from(_NAMES[:9]), inner, inner),
        st.builds("arrayMap(({}, y) -> {}, [1], [{}])".format, st.sampled_from(["x", "equals"]), inner, inner),
        st.builds("{} IN ({})".format, inner, query),
        st.builds("{} IN ({}, 1)".format, inner, _constant),
        _rarely(st.builds("{} IN {}".format, inner, st.sampled_from(_REAL)), inner),
        _rarely(st.builds("{} IN ({})".format, inner, st.sampled_from(_REAL)), inner),
        st.builds("({})".format, query),
        st.builds("EXISTS({})".format, query),
        st.builds("CASE WHEN {} THEN {} ELSE {} END".format, inner, inner, inner),
        st.builds("({} AS {})".format, inner, _quoted),
        st.builds("count() OVER (PARTITION BY {} ORDER BY {})".format, inner, inner),
        st.builds("CAST({} AS {})".format, inner, st.sampled_from(["String", "Nullable(String)", "UInt8"])),
        st.builds("[{}, {}][1]".format, inner, inner),
    )


def _sources(query: st.SearchStrategy[str], expression: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    aliased = st.one_of(st.just(""), st.builds(" AS {}".format, _quoted))
    table = _rarely(
        st.sampled_from([*_REAL_ONLY, *_NAMES]),
        st.one_of(st.sampled_from(_VIEWS), st.sampled_from(_VIEWS), st.builds("({})".format, query)),
    )
    source = st.builds("{}{}".format, table, aliased)
    join = st.sampled_from(
        ["JOIN", "LEFT JOIN", "FULL OUTER JOIN", "ASOF JOIN", "ANY JOIN", "CROSS JOIN", "ALL INNER JOIN"]
    )
    return st.one_of(
        source,
        st.builds("{} {} {} USING (distinct_id)".format, source, join, source),
        st.builds("{} AS l {} {} AS r ON l.distinct_id = r.distinct_id AND {}".format, table, join, table, expression),
        st.builds("{}, {}".format, source, source),
        st.builds("{} ARRAY JOIN [{}, 1] AS {}".format, source, expression, _quoted),
    )


def _queries(depth: int) -> st.SearchStrategy[str]:
    inner = st.just("SELECT * FROM events") if depth == 0 else st.deferred(lambda: _queries(depth - 1))
    expression = st.recursive(st.one_of(_column, _constant), lambda each: _expressions(each, inner), max_leaves=4)
    shown = st.lists(st.builds("{}{}".format, expression, st.one_of(st.just(""), st.builds(" AS {}".format, _quoted))),
                     min_size=1, max_size=3).map(", ".join)  # fmt: skip
    with_ = st.one_of(
        st.just(""),
        st.just(""),
        st.builds("WITH {} AS ({}) ".format, _quoted, inner),
        st.builds("WITH {} AS {} ".format, expression, _quoted),
        _rarely(
            st.builds("WITH {} -> {} AS {} ".format, st.sampled_from(["x", "(x, y)"]), expression, _quoted),
            st.just(""),
        ),
    )
    where = st.one_of(st.just(""), st.builds(" WHERE {}".format, expression))
    tail = st.sampled_from(["", "", " LIMIT 3", " ORDER BY 1", " GROUP BY ALL", " LIMIT 1 BY 1"])
    select = st.builds(
        "{}SELECT {} FROM {}{}{}".format,
        with_,
        st.one_of(st.just("*"), st.just("* EXCEPT (time)"), shown),
        _sources(inner, expression),
        where,
        tail,
    )
    return st.one_of(select, select, st.builds("{} UNION ALL {}".format, select, select))


STATEMENTS: Final = _queries(1)


def _operations(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    word = st.sampled_from(["=", "!=", "<", ">=", "+", "-", "*", "%", "||", "AND", "OR", "DIV", "/"])
    return st.one_of(
        st.builds("{} {} {}".format, inner, word, inner),
        st.builds("{}{}".format, st.sampled_from(["NOT ", "-"]), inner),
        st.builds("{} {}".format, inner, st.sampled_from(["IN (1, 2)", "NOT IN (1, 2)", "LIKE '1%'", "NOT LIKE '1%'"])),
        st.builds("{} BETWEEN 1 AND {}".format, inner, inner),
        st.builds("{} {}".format, inner, st.sampled_from(["IS NULL", "IS NOT NULL"])),
        st.builds("({} = 1)".format, inner),
        st.builds("({} ? {} : 3)".format, inner, inner),
    )


_numbers = st.sampled_from(["1", "2", "'1'", "NULL", "[1, 2][1]", "0.29", "19.99", "1.15", "1.50"])
_casts = st.sampled_from(["Decimal(9, 2)", "Float64", "Nullable(Float64)"])
OPERATIONS: Final = st.recursive(
    st.one_of(
        _numbers,
        st.builds("{}::{}".format, _numbers, _casts),
        st.builds("-{}::{}".format, st.sampled_from(["1", "19.99", "5"]), st.sampled_from(["Decimal(9, 2)", "String"])),
    ),
    _operations,
    max_leaves=5,
)
"""Operators behind one another with hardly a parenthesis, so that their meaning is one of precedence."""
