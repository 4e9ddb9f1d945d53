"""The members of a cohort by facts are those by events."""

import pytest

from tests.support.compaction.compared import PROJECT, USERS, Requests, compacted
from tests.support.loader.profile_requests import request, update
from tests.support.loader.story import Place
from tests.support.store.questions import ask
from trackway.compaction import compactor as loop
from trackway.query.expressions import parse
from trackway.query.facts_state import facts_of
from trackway.query.identity_lookup import known_links
from trackway.query.sql.cohort import Condition, Did, Has, Junction, Not, members
from trackway.query.sql.person import Known
from trackway.query.sql.selector import ANY_EVENT
from trackway.store.client import Store

ALWAYS = (0, 1 << 42)
SEEN = Did("seen", *ALWAYS, None, ">=", 2)
NEVER = Did("bought", *ALWAYS, None, "==", 0)
OFTEN = Did(next(iter(ANY_EVENT)), *ALWAYS, None, ">=", 5)
CONDITIONS: list[Condition] = [
    SEEN,
    NEVER,
    Not(OFTEN),
    Did("seen", *ALWAYS, parse('defined(properties["a"])'), ">=", 1),
    Junction("and", (OFTEN, Has(parse('user["n"] == 5')))),
    Junction("or", (SEEN, Has(parse('user["$distinct_id"] == "zoe"')))),
]


def found(store: Store, cohort: Condition, known: Known) -> list[str]:
    sql, parameters, settings = members(PROJECT, cohort, known)
    return [person for (person,) in store.query(f"{sql} ORDER BY person{settings}", parameters | {"project": PROJECT})]


def test_members_by_facts_are_those_by_events(place: Place, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "STEP_EVENTS_MIN", 1)
    requests = Requests(3, place.began_us)
    profiles = request(*(update(user, {"$set": {"n": 5}}) for user in ("ann", "zoe")), project_id=PROJECT)
    place.append_payloads([requests.next(40), profiles, requests.next(20)])
    place.load()
    compacted(place, store)
    place.append_payloads([requests.next(10)])
    place.load()
    known = ask(store, known_links, PROJECT)
    facts = ask(store, facts_of, PROJECT)
    assert facts is not None and known.links
    sizes = set()
    for cohort in CONDITIONS:
        expected = found(store, cohort, known)
        assert found(store, cohort, known._replace(facts=facts)) == expected
        sizes.add(len(expected))
    assert len(sizes) > 1, "the conditions choose alike"
    assert set(USERS) & set(found(store, CONDITIONS[0], known._replace(facts=facts)))
