"""The complete rules of one event, in order; the first broken rule is the outcome.

A record from the decoder goes in; `Accepted`, `Rejected` or `IGNORED` comes out. Pure: the clock, the project and the
client's address come with `Arrival`. The rules of single fields are in `ingest.rules.fields`.
"""

from collections.abc import Sequence

import msgspec
from msgspec import UNSET

from trackway.domain.endpoint import Endpoint
from trackway.domain.identity_mode import DEVICE_PREFIX
from trackway.domain.link import Link
from trackway.ingest import outcome
from trackway.ingest.arrival import Arrival, Project, project_of_token
from trackway.ingest.outcome import IGNORED, Ignored, Rejected
from trackway.ingest.prefilter import SUSPECT_ALL, Suspicions
from trackway.ingest.raw_fields import EventRecord, look, take_own
from trackway.ingest.rules.fields import IDENTITY_EVENTS, DevicePair, EventFields, FieldRules, bare_device_id
from trackway.ingest.rules.link import links_asked, read_request
from trackway.ingest.rules.location import place_of_record, with_place
from trackway.ingest.rules.properties import check_properties
from trackway.ingest.rules.reimport import READ_BACK, put_back

_OUTCOMES = (Rejected, Ignored)


class Accepted(msgspec.Struct, gc=False):
    """An event within all limits. `properties`: the JSON text to store. `links`: those it asks for by its name."""

    project: Project
    fields: EventFields
    properties: bytes
    links: Sequence[DevicePair | Link]


def judge(
    record: EventRecord, arrival: Arrival, rules: FieldRules, suspected: Suspicions = SUSPECT_ALL
) -> Accepted | Rejected | Ignored:
    """Apply every rule to one event. `suspected`: the rules on values that it may break."""
    name, members = rules.name(record.event), record.properties
    if isinstance(name, Rejected):
        return name
    if members is UNSET:
        return rules.missing(outcome.TOKEN_MISSING, "properties")
    if arrival.endpoint is Endpoint.IMPORT and not members.keys().isdisjoint(READ_BACK):
        put_back(members)
    asked = read_request(name, members, arrival.endpoint) if name in IDENTITY_EVENTS else None
    own = take_own(members)
    project = arrival.project or project_of_token(own.token, arrival, outcome.TOKEN_MISSING)
    if isinstance(project, _OUTCOMES):
        return project
    if "$ignore" in members and look(members, "$ignore"):
        return IGNORED
    fields = rules.fields(project, name, own.time, own.distinct_id, own.device_id, own.user_id, own.insert_id, asked)
    if isinstance(fields, Rejected):
        return fields
    if type(own.device_id) is str and own.device_id.startswith(DEVICE_PREFIX):
        members["$device_id"] = msgspec.Raw(msgspec.json.encode(bare_device_id(own.device_id)))
    properties = check_properties(members, suspected)
    if isinstance(properties, Rejected):
        return properties
    place = arrival.place
    if own.ip is not None or "$latitude" in members:
        place = place_of_record(own.ip, look(members, "$latitude"), look(members, "$longitude"), arrival)
    if place:
        properties = with_place(properties, place, members)
    if asked is None or isinstance(asked, Rejected):
        return Accepted(project, fields, properties, ())
    return Accepted(project, fields, properties, links_asked(asked, project.identity_mode, fields.insert_id))
