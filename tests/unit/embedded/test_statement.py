import pytest

from trackway.embedded.statement import Kind, RefusedStatement, parse


@pytest.mark.parametrize(
    ("text", "kind", "format_"),
    [
        ("SELECT 1", Kind.RESULT, None),
        ("select 1 format TSV", Kind.RESULT, "TSV"),
        ("SELECT 1\n FORMAT Native", Kind.RESULT, "Native"),
        ("SELECT 1 FORMAT JSON SETTINGS max_threads = 1", Kind.RESULT, "JSON"),
        ("SELECT 1 FORMAT JSON;", Kind.RESULT, "JSON"),
        ("SELECT ' FORMAT CSV'", Kind.RESULT, None),
        ("SELECT 1 -- FORMAT CSV", Kind.RESULT, None),
        ("SELECT 1 /* FORMAT CSV */ FORMAT TSV /* x */", Kind.RESULT, "TSV"),
        ("SELECT `a\\` FORMAT CSV`", Kind.RESULT, None),
        ("SELECT $h$ FORMAT CSV $h$", Kind.RESULT, None),
        ("SELECT format FROM t", Kind.RESULT, None),
        ("SELECT * FROM (SELECT 1 FORMAT CSV)", Kind.RESULT, None),
        ("-- first\nWITH 1 AS x SELECT x", Kind.RESULT, None),
        ("(SELECT 1) UNION ALL (SELECT 2)", Kind.RESULT, None),
        ("SHOW TABLES", Kind.RESULT, None),
        ("CREATE TABLE t (a UInt8) ENGINE = Memory", Kind.COMMAND, None),
        ("INSERT INTO t SELECT 1", Kind.COMMAND, None),
        ("INSERT INTO t (a) WITH 1 AS x SELECT x FORMAT TSV", Kind.COMMAND, None),
        ("OPTIMIZE TABLE t FINAL", Kind.COMMAND, None),
    ],
)
def test_statement_is_told_by_its_words_outside_strings_and_comments(
    text: str, kind: Kind, format_: str | None
) -> None:
    statement = parse(text)
    assert (statement.kind, statement.format) == (kind, format_)


@pytest.mark.parametrize(
    ("text", "head", "tail", "format_", "rows"),
    [
        ("INSERT INTO t FORMAT TSV\n1\t2\n", "INSERT INTO t ", "", "TSV", "1\t2\n"),
        ("INSERT INTO t (a, `b)`) FORMAT CSV \n\n1", "INSERT INTO t (a, `b)`) ", "", "CSV", "\n1"),
        ("insert into d.t settings x = 1 format CSV 1,2", "insert into d.t ", "settings x = 1 ", "CSV", "1,2"),
        ("INSERT INTO t VALUES (1), (2)", "INSERT INTO t ", "", "Values", "(1), (2)"),
        ("INSERT INTO `format` FORMAT RowBinary", "INSERT INTO `format` ", "", "RowBinary", ""),
        ("INSERT INTO t FORMAT TSV\nFORMAT CSV SELECT 'x", "INSERT INTO t ", "", "TSV", "FORMAT CSV SELECT 'x"),
    ],
)
def test_insert_is_cut_where_its_rows_begin(text: str, head: str, tail: str, format_: str, rows: str) -> None:
    statement = parse(text)
    assert statement.kind is Kind.INSERT
    assert (statement.head, statement.tail, statement.format) == (head, tail, format_)
    assert text[statement.rows_at :] == rows


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", 62),
        ("  -- nothing\n", 62),
        ("SET max_threads = 1", 48),
        ("USE other", 48),
        ("CREATE TEMPORARY TABLE t (a UInt8)", 48),
        ("SELECT * FROM file('/etc/passwd')", 497),
        ("SELECT * FROM /* x */ URL /* y */ ('http://a')", 497),
        ("INSERT INTO FUNCTION s3('x') SELECT 1", 497),
        ("INSERT INTO t SELECT * FROM remote('a', b.c)", 497),
        ("SELECT 1 INTO OUTFILE 'x'", 48),
        ("INSERT INTO t FROM INFILE 'x' FORMAT CSV", 48),
        ("CREATE TABLE t AS file('x')", 497),
        ("INSERT INTO t FORMAT 'x'", 62),
    ],
)
def test_what_needs_a_session_or_reaches_outside_is_refused(text: str, code: int) -> None:
    with pytest.raises(RefusedStatement) as refused:
        parse(text)
    assert refused.value.code == code
