"""Raws of members of texts as they are stored: those of the texts in a readable form."""

import json
from typing import Final

from trackway.query.expressions import raw_in, readable
from trackway.store.client import Store

TEXTS: Final = (
    "",
    "{}",
    '{"a":1}',
    '{"a":null,"b":2}',
    '{"a":"","b":""}',
    '{"b":{"a":1}}',
    '{"b":123456789012345678901234567890,"a":"x"}',
    '{"b":123456789012345678901234567890}',
    '{"a":123456789012345678901234567890}',
    '{"a":1e999,"b":[1e999,"1e999 -5"]}',
    '{"a":[1,{"a":18446744073709551616}],"b":"}"}',
    '{"a":1,"a":2}',
    '{"b":1',
)


def test_a_member_of_a_stored_text_is_that_of_its_readable_form(store: Store) -> None:
    for name in ("a", "b"):
        parameters = {"texts": json.dumps(TEXTS), "name": name}
        texts = "SELECT arrayJoin(JSONExtract({texts:String}, 'Array(String)')) AS text"
        read = f"SELECT text, {readable('text')} AS document FROM ({texts})"
        found = f"{raw_in('text', '{name:String}')}, JSONExtractRaw(document, {{name:String}})"
        rows = store.query(f"SELECT text, {found} FROM ({read})", parameters)
        assert len(rows) == len(TEXTS)
        assert [(text, raw) for text, raw, _ in rows] == [(text, raw) for text, _, raw in rows]
        assert sum(raw != "" for _, raw, _ in rows) > 6
