import asyncio
from typing import Any

import msgspec
import pytest

from trackway.journal.stream.connection import Away
from trackway.journal.stream.streams import (
    Config,
    Info,
    MissingStream,
    Stream,
    UnsafeStream,
    check_safe,
    check_version,
    config_of,
    info_subject,
    milliseconds,
    new_identity,
    read_info,
    read_present,
    read_stream,
)

STREAM = Stream("TRACKWAY_0", 3, "0123456789abcdef", 0, 1)


def config(**changes: Any) -> Config:
    return msgspec.convert(config_of(STREAM, 0) | changes, Config)


def test_a_stream_as_it_is_made_is_safe_and_read_back() -> None:
    check_safe(config())
    assert read_stream(Info(config=config())) == STREAM


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("num_replicas", 2),
        ("storage", "memory"),
        ("retention", "workqueue"),
        ("discard", "old"),
        ("max_age", 1),
        ("max_msgs_per_subject", 1),
        ("max_msg_size", 1000),
        ("no_ack", True),
        ("sealed", True),
        ("persist_mode", "async"),
        ("allow_msg_ttl", True),
        ("allow_rollup_hdrs", True),
        ("allow_direct", False),
        ("allow_atomic", False),
        ("mirror", {"name": "other"}),
        ("sources", [{"name": "other"}]),
        ("subject_transform", {"src": "a", "dest": "b"}),
        ("duplicate_window", 1_000_000_000),
    ],
)
def test_a_setting_that_could_lose_records_is_named(name: str, value: Any) -> None:
    with pytest.raises(UnsafeStream, match=f"TRACKWAY_0 is not safe: its {name} must be"):
        check_safe(config(**{name: value}))


@pytest.mark.parametrize(
    "changes",
    [
        {"metadata": {}},
        {"metadata": config_of(STREAM, 0)["metadata"] | {"trackway.generation": "128"}},
        {"metadata": config_of(STREAM, 0)["metadata"] | {"trackway.generation": "x"}},
        {"subjects": ["trackway.journal.other.0"]},
        {"subjects": [STREAM.subject, "more"]},
    ],
)
def test_a_stream_that_init_has_not_made_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(UnsafeStream):
        read_stream(Info(config=config(**changes)))


@pytest.mark.parametrize("version", ["2.11.9", "1.9.0", "", "unknown", "0.0.0"])
def test_an_older_server_is_refused(version: str) -> None:
    with pytest.raises(UnsafeStream, match=r"2\.12"):
        check_version(version)


@pytest.mark.parametrize("version", ["2.12.0", "2.15.1", "3.0.0", "2.12.0-beta"])
def test_a_later_server_is_accepted(version: str) -> None:
    check_version(version)


def test_a_missing_stream_is_another_fault_than_a_server_that_is_away() -> None:
    with pytest.raises(MissingStream):
        read_info("TRACKWAY_0", b'{"error":{"code":404,"err_code":10059,"description":"stream not found"}}')
    with pytest.raises(Away, match="no leader"):
        read_info("TRACKWAY_0", b'{"error":{"code":503,"err_code":10008,"description":"no leader"}}')
    with pytest.raises(Away):
        read_info("TRACKWAY_0", b"<html>")


@pytest.mark.parametrize(
    ("text", "found"), [("2026-11-30T14:05:49.730523225Z", 1796047549731), ("0001-01-01T00:00:00Z", 0), ("", 0)]
)
def test_times_are_milliseconds(text: str, found: int) -> None:
    assert milliseconds(text) == found


def together(number: int, **changes: Any) -> Stream:
    stream = msgspec.structs.replace(STREAM, name=f"TRACKWAY_{number}", partition=number, partitions=3)
    return msgspec.structs.replace(stream, **changes)


def present(known: list[Stream], found: list[Stream | None]) -> list[Stream]:
    """The streams of a start that knows some and finds some."""
    answers = {info_subject(f"TRACKWAY_{number}"): each for number, each in enumerate(found)}

    async def ask(subject: str) -> bytes:
        if (stream := answers[subject]) is None:
            raise Away("it does not answer")
        return msgspec.json.encode({"config": config_of(stream, 0)})

    infos, streams = asyncio.run(read_present(ask, known))
    assert [info is None for info in infos] == [each is None for each in found]
    return streams


def test_a_replacement_belongs_to_the_journal_of_the_lost_stream() -> None:
    made = together(1, generation=4, identity=new_identity(STREAM.identity), lost_end=77)
    assert made.is_replacement and made.journal == STREAM.journal and made.subject != together(1).subject
    assert (made.lease_subject, made.progress_subject) == (STREAM.lease_subject, STREAM.progress_subject)
    assert read_stream(Info(config=msgspec.convert(config_of(made, 0), Config))) == made


def test_a_start_does_without_streams_that_it_knows() -> None:
    known = [together(number) for number in range(3)]
    made = together(1, generation=4, identity=new_identity(STREAM.identity), lost_end=77)
    assert present(known, [*known]) == known
    assert present(known, [None, made, None]) == [known[0], made, known[2]]


@pytest.mark.parametrize(
    ("found", "error"),
    [
        ([None, None, None], Away),
        ([None, together(1, identity=new_identity()), None], UnsafeStream),
        ([together(0, partitions=2), None, None], UnsafeStream),
    ],
)
def test_a_start_needs_a_stream_of_the_journal_that_it_knows(
    found: list[Stream | None], error: type[Exception]
) -> None:
    with pytest.raises(error):
        present([together(number) for number in range(3)], found)
