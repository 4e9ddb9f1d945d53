"""The JSON of one event, as the store itself writes it (protocol §7).

Python passes on such texts and never sees an event. Properties that the server makes stand before those that the client
sent.
"""

from typing import Final

from trackway.domain.export_properties import CONFLICT, EXACT_TIME
from trackway.query.sql.json_lines import on_one_line
from trackway.query.sql.person import Known
from trackway.query.sql.scope import TIME_MS, TIME_S

_LINE: Final = """concat(
    '{"event":', toJSONString(toString(event)),
    ',"properties":{"time":', toString({time}),
    ',"distinct_id":',{before} toJSONString(distinct_id),
    ',"$insert_id":', toJSONString(insert_id),{identity}
    if(endpoint = 2, ',"$import":true,"$mp_api_endpoint":"/import"', ',"$mp_api_endpoint":"/track"'),
    ',"$mp_api_timestamp_ms":', toString(intDiv(toUnixTimestamp64Micro(received), 1000)),
    ',"mp_processing_time_ms":', toString(toUnixTimestamp64Milli(loaded)),{exact}
    if(properties = '{}', '', concat(',', substring(properties, 2, length(properties) - 2))),{after}
    '}}')"""
_EXACT: Final = f"""if({TIME_MS} % 1000 = 0, '', concat(',"{EXACT_TIME}":', toString({TIME_MS}))),"""
"""The milliseconds that a time in seconds lacks, for `/import` to read back."""
_CONFLICT: Final = f"""if(conflicting, ',"$identity_failure_reason":"{CONFLICT}"', ''),"""
_FAILURE: Final = "if(failure_reason = '', '', concat(',\"$failure_reason\":', toJSONString(failure_reason))),"
# A client may have sent a property of the same name. Readers of JSON take the last one.
_PERSON: Final = """',"$distinct_id":', toJSONString(person),"""
COLUMNS: Final = "time, event, distinct_id, insert_id, device_id, user_id, endpoint, received, loaded, properties"
"""The columns of the table that a line is made of. Besides them it needs the person, and the failures that `known` says
there are."""


def event_line(known: Known, *, time_in_ms: bool = False, repeats_person: bool = False) -> str:
    """SQL of the JSON of an event. `repeats_person`: `$distinct_id` holds the person as well as `distinct_id`."""
    identity = (_CONFLICT if known.conflicts else "") + (_FAILURE if known.refusals else "")
    parts = {
        "{before}": " before_own," if known.links else "",
        "{identity}": identity,
        "{exact}": "" if time_in_ms else f" {_EXACT}",
        "{after}": f" {_PERSON}" if repeats_person else "",
        "{time}": TIME_MS if time_in_ms else TIME_S,
    }
    line = _LINE
    for place, text in parts.items():
        line = line.replace(place, text)
    return on_one_line(line)
