"""Rows for the rules of protocol §4 and §6 that change an event on its way: times, ids, cuts, what is dropped."""

from typing import Any

from tests.support.http.encodings import JSON
from tests.support.wire_tables.rejected import nested
from tests.support.wire_tables.row import ARRIVAL, GENERATED, OLD, Case, compact, event, imported, stored

SECRET = ("Authorization", "<basic <secret>:>")
OK = '{"code":200,"num_records_imported":1,"status":"OK"}'


def track(name: str, record: Any, *lines: dict[str, Any], target: str = "/track") -> Case:
    """A row for /track that succeeds and shows these lines."""
    return Case(name, "protocol §4", target, record, stored=lines)


def kept(name: str, changes: dict[str, Any], shown: dict[str, Any], **fields: Any) -> list[Case]:
    """The same change on /track and on strict /import."""
    on_import = Case(
        f"import: {name}",
        "protocol §4",
        "/import?strict=1",
        event(changes),
        headers=(JSON, SECRET),
        reply=OK,
        stored=(imported(shown),),
    )
    return [track(f"track: {name}", event(changes), stored(shown), **fields), on_import]


def lenient(name: str, record: Any, *lines: dict[str, Any]) -> Case:
    """A row for /import without strict."""
    return Case(f"import: {name}", "protocol §4", "/import", record, headers=(JSON, SECRET), stored=lines)


def import_time(name: str, sent: Any, shown: Any) -> Case:
    """A row for strict /import that differs in its time alone."""
    line = imported({"time": shown})
    return Case(
        f"import: {name}",
        "protocol §4",
        "/import?strict=1",
        event({"time": sent}),
        headers=(JSON, SECRET),
        reply=OK,
        stored=(line,),
    )


TIMES = [
    *kept("time in seconds", {"time": "<now-60>"}, {"time": "<now-60>"}),
    *kept("time in milliseconds", {"time": "<now-60 ms>"}, {"time": "<now-60>"}),
    *kept("time up to one hour ahead is now", {"time": "<now+1800>"}, {"time": ARRIVAL}),
    track("track: time far ahead is now", event({"time": "<now+86400000>"}), stored({"time": ARRIVAL})),
    track("track: time in the year 9999 is now", event({"time": 253_402_300_799_999}), stored({"time": ARRIVAL})),
    track("track: no time is now", event(without=["time"]), stored({"time": ARRIVAL})),
    track("track: null time is now", event({"time": None}), stored({"time": ARRIVAL})),
    track("track: almost 5 days old", event({"time": "<now-431000>"}), stored({"time": "<now-431000>"})),
    lenient("no time is now", event(without=["time"]), imported({"time": ARRIVAL})),
    import_time("time as a string", str(OLD), OLD),
    import_time("time in milliseconds as a string", f"{OLD}123", OLD),
    import_time("time with a fraction", OLD + 0.75, OLD),
    import_time("time with a fraction as a string", f"{OLD}.75", OLD),
    import_time("time in milliseconds with a fraction", OLD * 1000 + 0.5, OLD),
    import_time("time 1e11-1 is seconds", "<now-60>", "<now-60>"),
    import_time("time 1e11 is milliseconds", 100_000_000_000, 100_000_000),
    import_time("time at the beginning of 1971", 31_536_000, 31_536_000),
]

IDENTITIES = [
    *kept("distinct_id of an integer", {"distinct_id": 13793}, {"distinct_id": "13793"}),
    *kept(
        "distinct_id of a large integer", {"distinct_id": 12345678901234567890}, {"distinct_id": "12345678901234567890"}
    ),
    *kept("distinct_id of a fraction", {"distinct_id": 1.5}, {"distinct_id": "1.5"}),
    *kept("empty distinct_id", {"distinct_id": ""}, {"distinct_id": ""}),
    *kept("distinct_id of any characters", {"distinct_id": 'ü ✓ 😀 "\\/\n'}, {"distinct_id": 'ü ✓ 😀 "\\/\n'}),
    *kept("distinct_id that only begins like a refused one", {"distinct_id": "nullable"}, {"distinct_id": "nullable"}),
    *kept(
        "user_id wins", {"$user_id": "u", "$device_id": "d"}, {"distinct_id": "u", "$user_id": "u", "$device_id": "d"}
    ),
    *kept("device_id wins over distinct_id", {"$device_id": "d"}, {"distinct_id": "$device:d", "$device_id": "d"}),
    *kept(
        "device_id with the prefix is the device",
        {"$device_id": "$device:d"},
        {"distinct_id": "$device:d", "$device_id": "d"},
    ),
    *kept(
        "device_id with the prefix, and user_id",
        {"$device_id": "$device:d", "$user_id": "u"},
        {"distinct_id": "u", "$device_id": "d", "$user_id": "u"},
    ),
    *kept("user_id of a number", {"$user_id": 7}, {"distinct_id": "7", "$user_id": 7}),
    *kept("device distinct_id", {"distinct_id": "$device:d"}, {"distinct_id": "$device:d"}),
    track(
        "track: device_id alone",
        event({"$device_id": "d"}, without=["distinct_id"]),
        stored({"distinct_id": "$device:d", "$device_id": "d"}),
    ),
    track(
        "track: user_id alone",
        event({"$user_id": "u"}, without=["distinct_id"]),
        stored({"distinct_id": "u", "$user_id": "u"}),
    ),
]

INSERT_IDS = [
    *kept("insert_id of 36 characters", {"$insert_id": "Az09-" * 7 + "x"}, {"$insert_id": "Az09-" * 7 + "x"}),
    track("track: no insert_id is generated", event(without=["$insert_id"]), stored({"$insert_id": GENERATED})),
    track("track: bad insert_id is replaced", event({"$insert_id": "a_b c"}), stored({"$insert_id": GENERATED})),
    track(
        "track: refused insert_id is replaced", event({"$insert_id": "undefined"}), stored({"$insert_id": GENERATED})
    ),
    track("track: long insert_id is replaced", event({"$insert_id": "a" * 37}), stored({"$insert_id": GENERATED})),
    track("track: insert_id of a list is replaced", event({"$insert_id": [1]}), stored({"$insert_id": GENERATED})),
    lenient("no insert_id is generated", event(without=["$insert_id"]), imported({"$insert_id": GENERATED})),
    lenient("bad insert_id is replaced", event({"$insert_id": "a_b c"}), imported({"$insert_id": GENERATED})),
]

FULL_OBJECT = {f"k{number}": number for number in range(254)}
MANY = {f"p{number}": number for number in range(250)}
VALUES: dict[str, Any] = {
    "text": "a",
    "blank": "",
    "integer": 1,
    "negative": -1,
    "zero": 0,
    "fraction": 0.1,
    "exponent": 1e100,
    "yes": True,
    "no": False,
    "list": [1, "a", True, 1.5, None],
    "object": {"a": {"b": [1]}},
    "empty": [],
    "bare": {},
    "large": 9007199254740993,
    "larger": 18446744073709551615,
    "name with blanks": 1,
    "ü ✓ 😀": 1,
    'quote "': 1,
    "": 1,
}
PROPERTIES = [
    *kept("values of every kind", VALUES, VALUES),
    *kept("nulls are dropped", {"a": None, "b": 1, "c": None}, {"b": 1}),
    *kept("a string of 255 characters", {"a": "ü" * 255}, {"a": "ü" * 255}),
    *kept("a string is cut to 255 characters", {"a": "ü" * 256}, {"a": "ü" * 255}),
    *kept("a string is cut between characters", {"a": "😀" * 300}, {"a": "😀" * 255}),
    *kept("a long ascii string is cut", {"a": "x" * 5000}, {"a": "x" * 255}),
    *kept(
        "strings in lists and objects are cut",
        {"a": ["x" * 300], "o": {"k": "y" * 300}},
        {"a": ["x" * 255], "o": {"k": "y" * 255}},
    ),
    *kept("254 properties", MANY, MANY),
    *kept("254 keys", {"o": FULL_OBJECT}, {"o": FULL_OBJECT}),
    *kept("254 elements", {"a": list(range(254))}, {"a": list(range(254))}),
    *kept("commas and braces in strings do not count", {"a": ",{[" * 80}, {"a": ",{[" * 80}),
    *kept("depth 3", {"o": nested(3)}, {"o": nested(3)}),
    *kept("depth 3 of arrays", {"o": [[["x"]]]}, {"o": [[["x"]]]}),
    *kept("ip 0 is not stored", {"ip": "0"}, {}),
    *kept("api_key is not stored", {"api_key": "x"}, {}),
    *kept(
        "names the server writes are not the client's",
        {"$import": False, "$mp_api_endpoint": "x", "mp_processing_time_ms": 1, "$mp_api_timestamp_ms": 2, "a": 1},
        {"a": 1},
    ),
    track("track: event name of 255 characters", event(name="ü" * 255), stored(name="ü" * 255)),
    track("track: event name of blanks", event(name=" a  b "), stored(name=" a  b ")),
    track(
        "track: escapes",
        '{"event":"\\u0061\\ud83d\\ude00","properties":{"token":"<token>","time":"<now-60>","distinct_id":"\\u00fc","a":"\\n\\u0000\\/","\\u0062":1}}',
        stored({"distinct_id": "ü", "$insert_id": GENERATED, "a": "\n\0/", "b": 1}, name="a😀"),
    ),
    track(
        "track: the last of two equal names counts",
        compact(event({"a": 3})).replace('"a":3', '"a":1,"a":2'),
        stored({"a": 2}),
    ),
]

IGNORED = [
    track("track: ignored", event({"$ignore": True})),
    track("track: ignored by a word", event({"$ignore": "yes"})),
    track(
        "track: ignored among others",
        [event({"$ignore": True}), event({"$insert_id": "id-2"})],
        stored({"$insert_id": "id-2"}),
    ),
    track("track: not ignored", event({"$ignore": False}), stored({"$ignore": False})),
    Case(
        "import: ignored", "protocol §4", "/import?strict=1", event({"$ignore": True}), headers=(JSON, SECRET), reply=OK
    ),
]

CASES = [*TIMES, *IDENTITIES, *INSERT_IDS, *PROPERTIES, *IGNORED]
