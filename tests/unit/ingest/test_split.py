"""A body's text into records: what is JSON, where it is broken, how many records and how large (protocol §3, §9)."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.examples import examples
from tests.support.ingest.bodies import ALPHA, IMPORT, dumps, record, send
from trackway.domain.errors import RequestError
from trackway.domain.limits import EVENT_BYTES_MAX, RECORDS_PER_REQUEST_MAX
from trackway.ingest.limits import JSON_MEMBERS_PLAIN_MAX
from trackway.ingest.outcome import Rejected
from trackway.ingest.split import MalformedBody, split_json, split_lines

GOOD = dumps(record())
NO_OBJECT = "data, must be a JSON object"


def fault_of(body: bytes, *, lines: bool = False) -> str:
    with pytest.raises(MalformedBody) as caught:
        send(body, lines=lines)
    return str(caught.value)


def refusal_of(body: bytes, *, lines: bool = False) -> RequestError:
    with pytest.raises(RequestError) as caught:
        send(body, lines=lines)
    return caught.value


# (body, words, the byte named): the first byte that cannot be part of JSON.
MALFORMED: list[tuple[bytes, str, int]] = [
    (b"", "must be a JSON object or array", 0),
    (b" \n", "must be a JSON object or array", 0),
    (b"5", "must be a JSON object or array", 0),
    (b'"a"', "must be a JSON object or array", 0),
    (b"hello", "must be a JSON object or array", 0),
    (b"[", "expecting value", 1),
    (b"[{}", "',' or ']' expected", 3),
    (b"[{} x]", "',' or ']' expected", 4),
    (b"[{}]x", "extra data", 4),
    (b"[] x", "extra data", 3),
    (b"[{}  x]", "',' or ']' expected", 5),
    (b"[{},]", "expecting value", 4),
    (b"[,{}]", "expecting value", 1),
    (b"{} {}", "extra data", 3),
    (b'{"event"}', "delimiter", 8),
    (b'{"event":', "expecting value", 9),
    (b'{"event":"a"', "delimiter", 12),
    (b'{"event":x}', "expecting value", 9),
    (b'{"event":01}', "delimiter", 10),
    (b'{"event":"\\x"}', "escape", 10),
    (b'{"event":"a\nb"}', "control character", 11),
    (b'["\xc3\xbc" x]', "',' or ']' expected", 6),
    ('["ü",{"event":x}]'.encode(), "expecting value", 15),
]


@pytest.mark.parametrize(("body", "words", "offset"), MALFORMED, ids=[repr(row[0]) for row in MALFORMED])
def test_text_that_is_no_json_is_a_fault_that_names_the_byte(body: bytes, words: str, offset: int) -> None:
    fault = fault_of(body)
    assert words in fault
    assert fault.endswith(f"at byte {offset}")
    assert fault.startswith("data, ")


@pytest.mark.parametrize("value", [b"NaN", b"Infinity", b"-Infinity", b"[NaN]", b'{"a":-Infinity}'])
def test_numbers_that_json_does_not_have_are_no_json(value: bytes) -> None:
    for body in (GOOD, b"[" + GOOD + b"]"):
        assert "is not a JSON number" in fault_of(body.replace(b'"u"', value))


def test_the_byte_is_counted_in_the_body_as_it_was_sent() -> None:
    assert fault_of(b" \r\n[{} x]").endswith("at byte 7")
    assert fault_of(GOOD + b"\n" + b"{}x\n", lines=True).endswith(f"at byte {len(GOOD) + 3}")


@settings(max_examples=examples(100))
@given(st.integers(1, len(GOOD) - 1), st.booleans())
def test_a_body_cut_anywhere_is_a_fault_at_its_end_or_before(length: int, listed: bool) -> None:
    body = b"[" + GOOD[:length] if listed else GOOD[:length]
    assert int(fault_of(body).rpartition(" ")[2]) <= len(body)


def test_an_empty_list_has_no_records() -> None:
    for body in (b"[]", b" [ \n] "):
        assert split_json(body).records == []


def test_no_lines_are_a_fault() -> None:
    for body in (b"", b"\n", b" \r\n\t\n"):
        assert fault_of(body, lines=True) == "data, missing or empty"


WHITESPACE = [b"", b" ", b"\n", b"\t", b"\r\n", b" \n\t\r "]


@pytest.mark.parametrize("space", WHITESPACE, ids=map(repr, WHITESPACE))
def test_whitespace_around_records_is_passed_over(space: bytes) -> None:
    body = space + b"[" + space + GOOD + space + b"," + space + GOOD + space + b"]" + space
    assert send(body).ingested.accepted == 2
    assert send(space + GOOD + space).ingested.accepted == 1


def test_lines_may_end_in_any_way_and_be_blank() -> None:
    for body in (GOOD, GOOD + b"\n", GOOD + b"\r\n", b"\n\n" + GOOD + b"\n \n\r\n\t\n"):
        assert send(body, lines=True).ingested.accepted == 1
    assert send(GOOD + b"\r\n" + GOOD + b"\n\n" + GOOD, lines=True).ingested.accepted == 3


def test_many_blank_lines_shift_no_record() -> None:
    bad = dumps(record({"distinct_id": "null"}))
    sent = send(b"\n" * (9 * RECORDS_PER_REQUEST_MAX) + bad + b"\n" + GOOD + b"\n" + bad, lines=True)
    assert [failure.index for failure in sent.failures] == [0, 2]
    assert [rejection.original for rejection in sent.rejections[ALPHA.project_id]] == [bad, bad]


def test_two_records_on_one_line_are_a_fault_or_two_records() -> None:
    bad = dumps(record({"distinct_id": "null"}))
    for body in (bad + bad, bad + b" " + GOOD, GOOD + b"\n" + bad + bad):
        try:
            sent = send(body, lines=True)
        except MalformedBody:
            continue
        assert sent.ingested.received == body.count(b'"event"')


def test_a_record_over_several_lines_never_mixes_up_the_records_after_it() -> None:
    bad = dumps(record({"distinct_id": "null"}))
    body = GOOD.replace(b",", b",\n", 1) + b"\n" + bad + b"\n" + GOOD
    try:
        sent = send(body, lines=True)
    except MalformedBody:
        return
    assert [rejection.original for rejection in sent.rejections[ALPHA.project_id]] == [bad]


@pytest.mark.parametrize("bad", [b"5", b'"a"', b"[]", b"null", b"true", b"1.5e3", b"[[{}]]"])
def test_an_element_that_is_no_object_is_rejected_for_itself(bad: bytes) -> None:
    for sent in (
        send(b"[" + GOOD + b", " + bad + b" ," + GOOD + b"]", IMPORT),
        send(GOOD + b"\n " + bad + b" \n" + GOOD, IMPORT, lines=True),
    ):
        assert sent.ingested.accepted == 2
        assert [(each.index, each.message) for each in sent.failures] == [(1, NO_OBJECT)]
        assert sent.rejections[ALPHA.project_id][0].original == bad


def test_one_record_that_is_not_utf8_does_not_spoil_the_others() -> None:
    bad = GOOD.replace(b'"u"', b'"\xff"')
    for sent in (send(b"[" + b",".join([GOOD, bad, GOOD]) + b"]"), send(b"\n".join([GOOD, bad, GOOD]), lines=True)):
        assert sent.ingested.accepted == 2
        assert [each.index for each in sent.failures] == [1]


def test_one_record_that_is_nested_very_deep_does_not_crash() -> None:
    for depth in (100, 1000, 5000, 100_000):
        bad = dumps(record({"o": "?"})).replace(b'"?"', b"[" * depth + b"]" * depth)
        for body in (bad, b"[" + GOOD + b"," + bad + b"]"):
            try:
                assert len(send(body).failures) == 1
            except MalformedBody as fault:
                assert "nested too deep" in str(fault)


@pytest.mark.parametrize("name", ["o", "time", "token", "$latitude", "$user_id"])
@pytest.mark.parametrize("lines", [False, True])
def test_a_record_that_is_nested_so_deep_that_it_passes_the_parser_only_just_is_refused_alone(
    name: str, lines: bool
) -> None:
    begin, join, end = (b"", b"\n", b"") if lines else (b"[", b",", b"]")
    passed = 0
    for depth in range(850, 1000):
        bad = dumps(record({name: "?"})).replace(b'"?"', b"[" * depth + b"]" * depth)
        try:
            sent = send(begin + join.join([GOOD, bad, GOOD]) + end, lines=lines)
        except MalformedBody:
            continue
        passed += 1
        assert (sent.ingested.accepted, [each.index for each in sent.failures]) == (2, [1]), depth
    assert 0 < passed < 150


@pytest.mark.parametrize("element", [b"{}", GOOD, b"5"])
def test_2000_records_are_read_and_2001_refused(element: bytes) -> None:
    most = [element] * RECORDS_PER_REQUEST_MAX
    assert len(split_json(b"[" + b",".join(most) + b"]").records) == RECORDS_PER_REQUEST_MAX
    assert len(split_lines(b"\n".join(most)).records) == RECORDS_PER_REQUEST_MAX
    most.append(element)
    for error in (refusal_of(b"[" + b",".join(most) + b"]"), refusal_of(b"\n".join(most), lines=True)):
        assert (error.status, error.message) == (413, "request exceeds max limit of 2000 events")


BOMBS = [b"{}", b"[]", b"0", b'""', b'{"a":0}', b'{"properties":{"a":{}}}', b"[[[]]]", b'{"properties":{"a":1,"b":2}}']


@pytest.mark.parametrize("element", BOMBS, ids=[each.decode() for each in BOMBS])
def test_a_bomb_of_records_is_refused_at_the_first_record_too_many(element: bytes) -> None:
    many = 2 * JSON_MEMBERS_PLAIN_MAX
    for body, lines in ((b"[" + b",".join([element] * many) + b"]", False), (b"\n".join([element] * many), True)):
        assert refusal_of(body, lines=lines).status == 413


def test_a_bomb_of_members_in_one_record_is_bounded() -> None:
    members = b",".join(b'"k%d":0' % number for number in range(JSON_MEMBERS_PLAIN_MAX // 2))
    body = b'{"event":"a","properties":{"token":"%b",%b}}' % (ALPHA.token.encode(), members)
    for text in (body, b"[" + body + b"]"):
        try:
            assert len(send(text).failures) == 1
        except RequestError as error:
            assert error.status == 413


def sized(size: int) -> bytes:
    """A record of exactly so many bytes."""
    text = dumps(record({"pad": "?"}))
    return text.replace(b"?", b"x" * (size - len(text) + 1))


def test_a_record_of_2_mib_is_taken_and_one_byte_more_refused() -> None:
    most, more = sized(EVENT_BYTES_MAX), sized(EVENT_BYTES_MAX + 1)
    assert len(most) == EVENT_BYTES_MAX
    for text, lines in ((most, False), (b"[5," + most + b"]", False), (b"[" + most + b"]", False), (most, True)):
        assert send(text, lines=lines).ingested.accepted == 1
    for text, lines in ((more, False), (b"[5," + more + b"]", False), (b"[" + more + b"]", False), (more, True)):
        error = refusal_of(text, lines=lines)
        assert (error.status, error.message) == (413, "request exceeds max limit of 2097152 bytes an event")


def test_whitespace_around_a_record_does_not_count_as_its_size() -> None:
    body = b"[" + b" " * EVENT_BYTES_MAX + GOOD + b"\n" * EVENT_BYTES_MAX + b"]"
    assert send(body).ingested.accepted == 1


def test_many_records_of_more_than_2_mib_together_are_taken() -> None:
    assert send(b"[" + b",".join([sized(3000)] * 1000) + b"]").ingested.accepted == 1000


def test_originals_are_the_bytes_that_were_sent() -> None:
    bad = [b'{ "event" : "", "x":1 }', b'{"event":"a" , "properties":{}}', b'{"event":"\xc3\xbc"}']
    for sent in (send(b"[ " + b" , ".join(bad) + b" ]", IMPORT), send(b" \n".join(bad), IMPORT, lines=True)):
        assert [rejection.original for rejection in sent.rejections[ALPHA.project_id]] == bad
        assert [rejection.index for rejection in sent.rejections[ALPHA.project_id]] == [0, 1, 2]


def test_other_keys_of_a_record_are_passed_over() -> None:
    extra = {"$mp_metadata": {"a": [1, {"b": None}]}, "ip": "1", "time": "never", "": None}
    assert send(dumps(record() | extra)).event.properties == {}
    assert send(b"[" + dumps(record() | extra) + b",5]").event.properties == {}


@settings(max_examples=examples(200))
@given(st.binary(max_size=40) | st.text('[]{},:"0 \n', max_size=30).map(str.encode))
def test_any_body_that_the_standard_parser_reads_is_read_and_no_other(body: bytes) -> None:
    try:
        value = json.loads(body.decode("utf-8", "surrogateescape"))
    except ValueError:
        value = None
    try:
        records = split_json(body).records
    except MalformedBody:
        assert not isinstance(value, dict | list) or body.lstrip(b" \t\r\n")[:1] not in (b"{", b"[")
    else:
        assert len(records) == (len(value) if isinstance(value, list) else 1)
        for element, found in zip(value if isinstance(value, list) else [value], records, strict=True):
            assert isinstance(found, Rejected) or isinstance(element, dict)


def test_import_says_the_same_of_a_body_as_track() -> None:
    with pytest.raises(MalformedBody):
        send(b"[", IMPORT)


def test_whitespace_costs_no_more_than_text() -> None:
    def seconds(filler: bytes) -> float:
        body = b"[5" + filler + b",5]"
        started_s = time.perf_counter()
        assert len(send(body).failures) == 2
        return time.perf_counter() - started_s

    text = b',"' + b"x" * EVENT_BYTES_MAX
    started_s = time.perf_counter()
    json.loads(b"[5" + text[:-2] + b'"]')
    text_s = time.perf_counter() - started_s
    assert seconds(b" " * EVENT_BYTES_MAX) < 20 * max(text_s, 0.004)
