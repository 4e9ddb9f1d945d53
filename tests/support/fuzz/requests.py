"""Good requests to damage, and JSON of any shape."""

from hypothesis import strategies as st

from tests.support.recordings.requests import rows
from tests.support.server import Project
from tests.support.wire_tables.encodings import CASES
from tests.support.wire_tables.profiles import CASES as PROFILE_CASES
from tests.support.wire_tables.row import OLD, Played

# What was fine before it is damaged: every encoding, and every request recorded from an SDK.
_PLAYED = Played(Project(1, "fuzz", "0" * 32, "f" * 32, "us"), OLD)
GOOD = [case.request(_PLAYED) for case in [*CASES, *PROFILE_CASES, *rows()]]
JSON_VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**70), 2**70),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=20),
        st.sampled_from(["undefined", "<nil>", "0", "x" * 300, "\ud800", "$device:", "$device:d", "9" * 30, "-1e5"]),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)),
    max_leaves=12,
)
KEYS = ("token", "time", "distinct_id", "$insert_id", "$user_id", "$device_id", "$ignore", "ip", "a", "$import", "")
EVENTS = st.fixed_dictionaries(
    {},
    optional={"event": JSON_VALUES, "properties": st.dictionaries(st.sampled_from(KEYS), JSON_VALUES) | JSON_VALUES},
)
MEMBERS = ("$token", "$distinct_id", "$group_key", "$group_id", "$time", "$ignore_time", "$ip", "a", "")
OPERATIONS = ("$set", "$set_once", "$add", "$append", "$union", "$remove", "$unset", "$delete")
UPDATES = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(MEMBERS, JSON_VALUES)
    | dict.fromkeys(OPERATIONS, st.dictionaries(st.text(max_size=8), JSON_VALUES, max_size=3) | JSON_VALUES),
)
RECORDS = EVENTS | UPDATES
BODIES = st.one_of(RECORDS, st.lists(RECORDS | JSON_VALUES, max_size=5), JSON_VALUES)
