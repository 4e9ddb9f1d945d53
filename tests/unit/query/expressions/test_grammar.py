"""The grammar: what is an expression, what it means by precedence, and where and how everything else is refused."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.examples import examples
from trackway.query.expressions import ExpressionError, JsonColumn, Row, Scope, condition, evaluate, fault, parse
from trackway.query.expressions.tree import user_properties
from trackway.query.expressions.values import UNDEFINED, Value
from trackway.query.limits import EXPRESSION_BYTES_MAX, EXPRESSION_DEPTH_MAX, EXPRESSION_NODES_MAX

# Each expression with its value.
READ: list[tuple[str, Value]] = [
    ("1", 1.0),
    ("1.5e3", 1500.0),
    (".5", 0.5),
    ("2.", 2.0),
    ("-1", -1.0),
    ("--1", 1.0),
    ("- 2 - -3", 1.0),
    ('"a"', "a"),
    ("'a'", "a"),
    (r'"\"\'\\\/\n\t\r\b\f\u00fc\ud83d\ude00"', "\"'\\/\n\t\r\b\fü😀"),
    ("'\"'", '"'),
    ('"a\nb"', "a\nb"),
    ("true", True),
    ("False", False),
    ("[]", ()),
    ('[1, -2.5, "a", true]', (1.0, -2.5, "a", True)),
    ("1 + 2 * 3", 7.0),
    ("(1 + 2) * 3", 9.0),
    ("10 - 2 - 3", 5.0),
    ("12 / 2 / 3", 2.0),
    ("-2 * 3", -6.0),
    ("7 % 4 * 2", 6.0),
    ("1 + 1 == 2", True),
    ("1 < 2 == true", True),
    ("'a' < 'b' and datetime(0) < '1970-01-02'", True),
    ("not 1 == 2", True),
    ("not true or true", True),
    ("true or false and false", True),
    ("(true or false) and false", False),
    ("true and not false", True),
    ("not not true", True),
    ("1 in [1, 2] and 2 in [2]", True),
    ("not 1 in [2]", True),
    ("TRUE AND Not FALSE Or false", True),
    ("1 IN [1]", True),
    ("Floor(1.5)", 1.0),
    ("any(X, [1, 2], X == 2)", True),
    ("any(x_1, [1, 2], all(Y, [3], x_1 + Y == 4))", True),
    ("any(X, [1], any(X, [2], X == 2) and X == 1)", True),
    ("any(X, [1], X == 2) == any(X, [2], X == 1)", True),
    (" \t\r\n1\n", 1.0),
    ('datetime("2026-01-31T00:00:00") > datetime(0)', True),
    ("length('ü😀')", 2.0),
    ('string(properties["nope"], "undefined")', "undefined"),
]


@pytest.mark.parametrize(("text", "value"), READ, ids=[row[0] for row in READ])
def test_an_expression_is_read(text: str, value: Value) -> None:
    assert evaluate(parse(text), Row({})) == value


def test_now_is_the_second_in_which_the_query_is_asked() -> None:
    assert evaluate(parse("NOW - 60 * 60", 1_800_003_600.9), Row({})) == 1_800_000_000.0
    recent = parse('datetime(properties["at"]) >= datetime(NOW - 60)', 1_800_000_000)
    assert evaluate(recent, Row({"at": "2027-01-15T07:59:00Z"})) is True
    assert evaluate(recent, Row({"at": "2027-01-15T07:58:59Z"})) is False
    assert evaluate(parse("any(NOW, [1], NOW == 1)", 1_800_000_000), Row({})) is True
    for text in ("now", "Now"):
        with pytest.raises(ExpressionError, match=f"unknown name '{text}'"):
            parse(text, 1_800_000_000)


# Each text with what is said of it.
REFUSED = [
    ("", "expected a value at character 1, found end of text"),
    ("  ", "expected a value at character 3, found end of text"),
    ("(1 + 2", "expected ')' at character 7, found end of text"),
    ("1 +", "expected a value at character 4, found end of text"),
    ("1 2", "expected an operator or the end at character 3, found '2'"),
    ("1)", "expected an operator or the end at character 2, found ')'"),
    ("1 = 2", "unexpected character '=' at character 3"),
    ("1 && 2", "unexpected character '&' at character 3"),
    ("a == 1", "unknown name 'a' at character 1"),
    ("ü", "unexpected character 'ü' at character 1"),
    ("'a", "the string that begins at character 1 does not end"),
    ('1 + "a\\"', "the string that begins at character 5 does not end"),
    (r"'a\d'", "unknown escape '\\d' at character 3"),
    (r"'\ud800'", "the string at character 1 holds half a surrogate pair"),
    (r"'\u12'", "unknown escape '\\u' at character 2"),
    ("1e999", "the number at character 1 is too large"),
    ("properties", "expected '[' at character 11, found end of text"),
    ("properties[1]", "expected a name in quotes at character 12, found '1'"),
    ('properties["a"', "expected ']' at character 15, found end of text"),
    ('Properties["a"]', "expected '(' at character 11, found '['"),
    ('event["time"]', "expected '$time' or '$name' at character 7, found '\"time\"'"),
    ("defined 1", "expected '(' at character 9, found '1'"),
    ("defined()", "expected a value at character 9, found ')'"),
    ("floor(1, 2)", "expected ')' at character 8, found ','"),
    ("string(1, 2, 3)", "expected ')' at character 12, found ','"),
    ("[1 2]", "expected ',' at character 4, found '2'"),
    ("[1,]", "expected a number, string, true or false in the list at character 4, found ']'"),
    ("[[1]]", "expected a number, string, true or false in the list at character 2, found '['"),
    ("[-'a']", "expected a number at character 3, found ''a''"),
    ("any(1, [1], true)", "expected a name for the elements at character 5, found '1'"),
    ("any(in, [1], true)", "expected a name for the elements at character 5, found 'in'"),
    ("any(X, [1])", "expected ',' at character 11, found ')'"),
    ("any(X, X, true)", "unknown name 'X' at character 8"),
    ("any(X, [1], true) and X", "unknown name 'X' at character 23"),
    ("true and in", "expected a value at character 10, found 'in'"),
    ("1 and true", "expected a boolean beside 'and' at character 1, found a number"),
    ('true or "a"', "expected a boolean beside 'or' at character 9, found a string"),
    ("true and (false or [1])", "expected a boolean beside 'or' at character 20, found a list"),
    ('event["$time"] or true', "expected a boolean beside 'or' at character 1, found a datetime"),
    ('datetime("31.1.2026")', "expected a time such as '2026-01-31T00:00:00' at character 10, found '31.1.2026'"),
    ("true and 1 < 'x'", "expected values that can be compared at character 10, found number and string"),
    ("'a' >= -5", "expected values that can be compared at character 1, found string and number"),
    ("true > false", "expected values that can be compared at character 1, found boolean and boolean"),
    ("[1] < [2]", "expected values that can be compared at character 1, found list and list"),
    ("not datetime(0) > 'soon'", "expected values that can be compared at character 5, found datetime and string"),
    ("datetime(0) <= 1", "expected values that can be compared at character 1, found datetime and number"),
    ("1 / 0 > 1", "expected values that can be compared at character 1, found undefined and number"),
    ("any(X, [1], 1 in 2)", "expected values that can be compared at character 13, found number and number"),
    ('datetime("2026-02-30")', "expected a time such as '2026-01-31T00:00:00' at character 10, found '2026-02-30'"),
]


@pytest.mark.parametrize(("text", "message"), REFUSED, ids=[row[0] for row in REFUSED])
def test_what_is_no_expression_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    assert caught.value.message == message
    assert 1 <= caught.value.position <= len(text) + 1


BOMBS = [
    "(" * 5000,
    "(" * 4000 + "1" + ")" * 4000,
    "not " * 2000 + "true",
    "-" * 8000 + "1",
    "1" + "+1" * 4000,
    "true" + " or true" * 990,
    "floor(" * 1100 + "1" + ")" * 1100,
    "any(X,[1]," * 700 + "true" + ")" * 700,
    "[" + "1," * 4000 + "1]",
    "[" * 8000,
    "'" + "a" * 8000 + "'",
    "'" + "\\" * 8001,
    '"' * 7999,
    "string(" * 60 + 'properties["a"]' + ', properties["b"])' * 60,
    "1 in " * 1500 + "[1]",
    'properties["a"] == ' * 400 + "1",
    "+".join(["properties['a']"] * 60),
    " or ".join(["any(X,properties['l'],X==1)"] * 250),
    " or ".join([f"{'+'.join(['1'] * 30)}<{'+'.join(['2'] * 30)}"] * 16),
    "1 in [" + "2," * 4000 + "1]",
    "any(X,[1,2,3],1<2 and " * 60 + "true" + ")" * 60,
]


@pytest.mark.timeout(20)  # each takes hundredths of a second, unless something grows out of bounds
@pytest.mark.parametrize("text", BOMBS, ids=[text[:20] for text in BOMBS])
def test_a_bomb_is_read_or_refused_in_a_moment(text: str) -> None:
    compile_or_refuse(text)


def compile_or_refuse(text: str) -> None:
    """Everything an expression goes through; what is refused has a place in the text."""
    try:
        tree = parse(text)
        scope = Scope(JsonColumn("properties"), JsonColumn("user"), {}, "time_ms", "name")
        condition(tree, scope, {})
        fault(tree, scope, {})
        user_properties(tree)
        evaluate(tree, Row({"a": True}))
    except ExpressionError as error:
        assert error.message
        assert 1 <= error.position <= len(text) + 1


WORDS = st.sampled_from(
    [
        "properties",
        "user",
        "event",
        "[",
        "]",
        "(",
        ")",
        '"a"',
        "'b'",
        '"$time"',
        "==",
        "!=",
        "<",
        ">=",
        "+",
        "-",
        "*",
        "/",
        "%",
        "in",
        "and",
        "or",
        "not",
        "any",
        "all",
        "X",
        ",",
        "1",
        "2.5",
        "true",
        "false",
        "string",
        "number",
        "boolean",
        "datetime",
        "defined",
        "length",
        "floor",
        "[1]",
        'properties["a"]',
        'user["b"]',
        "\\",
        '"',
        "'",
        "ü",
        ".",
        "1e",
    ]
)


@settings(max_examples=examples(400))
@given(st.text(max_size=40) | st.lists(WORDS, max_size=25).map(" ".join) | st.lists(WORDS, max_size=12).map("".join))
def test_any_text_is_an_expression_or_refused(text: str) -> None:
    compile_or_refuse(text)


def test_length_depth_and_parts_are_bounded() -> None:
    parse("'" + "a" * (EXPRESSION_BYTES_MAX - 2) + "'")
    parse("(" * (EXPRESSION_DEPTH_MAX - 1) + "1" + ")" * (EXPRESSION_DEPTH_MAX - 1))
    parse("1<1" + " or 1<1" * ((EXPRESSION_NODES_MAX - 1) // 3 - 1))
    for text, message in [
        ("'" + "ü" * (EXPRESSION_BYTES_MAX // 2) + "'", "longer than 8192 bytes"),
        ("(" * EXPRESSION_DEPTH_MAX + "1", "nested deeper than 64 at character 65"),
        ("1" + "+1" * EXPRESSION_DEPTH_MAX, "nested deeper than 64 at character 1"),
        ("1<1" + " or 1<1" * (EXPRESSION_NODES_MAX // 3), "has more than 1000 parts"),
    ]:
        with pytest.raises(ExpressionError, match=message):
            parse(text)


def test_what_the_scope_does_not_have_is_refused_with_its_place() -> None:
    scope = Scope(JsonColumn("properties"))
    for text, message in [
        ('true and user["a"]', 'user["…"] cannot be asked for here, at character 10'),
        ('event["$time"] < datetime(1)', 'event["$time"] cannot be asked for here, at character 1'),
        ('"a" in event["$name"]', 'event["$name"] cannot be asked for here, at character 8'),
    ]:
        with pytest.raises(ExpressionError) as caught:
            condition(parse(text), scope, {})
        assert caught.value.message == message


def test_an_operand_that_is_no_boolean_in_a_row_is_told_by_its_place() -> None:
    tree = parse('false and (properties["a"] or properties["b"])')
    assert evaluate(tree, Row({"a": True})) is False
    with pytest.raises(ExpressionError, match="expected a boolean at character 31, found another type") as caught:
        evaluate(tree, Row({"a": True, "b": None}))
    assert caught.value.position == 31
    assert evaluate(parse('properties["nope"] or false'), Row({})) is False
    assert evaluate(parse('properties["nope"]'), Row({})) is UNDEFINED
