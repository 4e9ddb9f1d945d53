"""The checklist "my events don't appear": from facts about a project to answers and advice.

Pure: the page collects the facts. The questions are in the order in which an event passes the checks: token, region,
limits, time, rules, arrival, and load into the store.
"""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from trackway.domain.region import serves
from trackway.edge.api.health import Readiness
from trackway.edge.quotas.rate_limits import Use
from trackway.http.connections import Crowd
from trackway.query.ingestion_stats import Arrivals, Bucket, RejectedFor
from trackway.web.limits import CHECKLIST_LAG_S_MAX, CROWD_CONNECTIONS_MIN, UNHEEDED_S_MAX
from trackway.web.troubleshooting import Kind, advice, kind

State = Literal["good", "wrong", "open"]
Token = Literal["own", "old", "other", "missing"]
"""The result of a token's look-up: this project's, a replaced one that is still valid, another's, or none was given."""


class Counted(NamedTuple):
    """Counts from the store. `day` and `reasons` cover the last 24 hours, `hour` the last hour.

    `nobodys` are records of the day without a known project. It is empty for visitors who may not see them.
    """

    hour: Bucket
    day: Bucket
    ever: Arrivals
    reasons: Sequence[RejectedFor] = ()
    nobodys: Sequence[RejectedFor] = ()


NOTHING: Final = Counted(Bucket(0), Bucket(0), Arrivals(None, 0))


class Forwarded(NamedTuple):
    """Seconds since a peer that is no trusted proxy sent `X-Forwarded-For`: a peer in a private network, and any other
    peer. None if none did since the server's start."""

    private_s: float | None = None
    public_s: float | None = None


class Facts(NamedTuple):
    """The facts for the answers. `counted` is None while the store is away."""

    token: Token
    project_region: str
    server_region: str
    uses: Sequence[Use]
    readiness: Readiness
    lag_s: float
    counted: Counted | None
    forwarded: Forwarded = Forwarded()
    crowd: Crowd = Crowd(0, 0)


class Check(NamedTuple):
    """A question with its state, the finding and the advice. `open`: this server cannot know."""

    question: str
    state: State
    found: str
    advice: str = ""


def checks(facts: Facts) -> list[Check]:
    """All checks, in order. While the store is away, only those that need no counts."""
    counted = facts.counted
    if counted is None:
        found = [_visible(facts), _token(facts, NOTHING), _region(facts, NOTHING), _limits(facts), _proxy(facts)]
        return [*found, *_crowded(facts)]
    return [
        _token(facts, counted),
        _region(facts, counted),
        _limits(facts),
        _times(counted),
        _rejected(counted),
        _arriving(counted),
        _passed_over(counted),
        _proxy(facts),
        _visible(facts),
        *_crowded(facts),
    ]


def _token(facts: Facts, counted: Counted) -> Check:
    question = "Is the token known?"
    if facts.token == "other":  # noqa: S105  a word, no password
        found = "The token that you looked up is not one of this project."
        return Check(question, "wrong", found, "Use the token in Settings.")
    if facts.token == "old":  # noqa: S105
        found = "The token that you looked up was replaced, and still counts for a while."
        return Check(question, "good", found, "Change to the token in Settings.")
    if facts.token == "own":  # noqa: S105
        return Check(question, "good", "The token that you looked up is this project's.")
    if refused := _records(counted.reasons, "token"):
        found = f"{refused:,} records of the last day had no token of a project."
        return Check(question, "wrong", found, advice("token, unknown"))
    if nobodys := _records(counted.nobodys, "token"):
        found = f"{nobodys:,} records of the last day had a token that no project of this server has, or none."
        state: State = "open" if counted.day.received else "wrong"
        return Check(question, state, found, "If they are yours, the app's token is wrong: compare it with Settings.")
    if counted.day.received:
        return Check(question, "good", "Records that name this project have come in the last day.")
    return Check(question, "open", "Nothing has named this project, right or wrong.", "Look the app's token up, below.")


def _region(facts: Facts, counted: Counted) -> Check:
    question = "Is it the right region?"
    if not serves(facts.server_region, facts.project_region):
        found = f"The project belongs to region {facts.project_region}, this server to {facts.server_region}."
        return Check(question, "wrong", found, f"Send to the server of region {facts.project_region}.")
    if refused := _first(counted, "region"):
        return Check(question, "wrong", _refusals(refused), advice(refused.reason))
    return Check(question, "good", f"Project and server are both in region {facts.server_region}.")


def _limits(facts: Facts) -> Check:
    question = "Is it rate-limited?"
    full = [each for each in facts.uses if each.retry_after_s]
    if not full:
        return Check(question, "good", "No limit of the project is used up now.")
    used = [f"{each.limit}: {each.used:,} of {each.max:,} used, again in {each.retry_after_s} s" for each in full]
    return Check(question, "wrong", f"{'; '.join(used)}.", "Wait, send larger batches, or have the limit raised.")


def _times(counted: Counted) -> Check:
    question = "Are timestamps inside five days?"
    if refused := _first(counted, "time"):
        return Check(question, "wrong", _refusals(refused), advice(refused.reason))
    if counted.day.received:
        return Check(question, "good", "No record of the last day was refused for its time.")
    return Check(question, "open", "No record came in the last day.", "/track takes five days, /import all since 1971.")


def _rejected(counted: Counted) -> Check:
    question, day = "Are records being rejected?", counted.day
    if not counted.reasons:
        return Check(question, "good" if day.received else "open", "None of the last day was.")
    worst = counted.reasons[0]
    found = f"{day.rejected:,} of {day.received:,} records of the last day, most of them: {worst.reason}."
    return Check(question, "wrong", found, advice(worst.reason))


_UNSENT = (
    "Look at the app's network requests: they must go to this server's address and be answered with 200. Ad blockers "
    "and firewalls stop them; a process that ends at once may not have sent what it queued."
)


def _arriving(counted: Counted) -> Check:
    question, hour, day = "Is anything arriving at all?", counted.hour.received, counted.day.received
    if hour:
        return Check(question, "good", f"{hour:,} records came in the last hour.")
    if day:
        return Check(question, "open", f"None in the last hour, {day:,} in the last day.", _UNSENT)
    if counted.ever.records:
        return Check(question, "wrong", f"None in the last day; {counted.ever.records:,} before.", _UNSENT)
    return Check(question, "wrong", "Nothing ever came in for this project.", _UNSENT)


def _passed_over(counted: Counted) -> Check:
    question, day = "Are they dropped on purpose?", counted.day
    dropped = f"{day.duplicate:,} duplicates and {day.ignored:,} ignored in the last day"
    if not day.duplicate + day.ignored:
        return Check(question, "good" if day.received else "open", "None was in the last day.")
    if day.stored:
        return Check(question, "good", f"{dropped}; {day.stored:,} were stored.")
    advised = "Each event needs an $insert_id of its own; $ignore drops an event."
    return Check(question, "wrong", f"{dropped}, and nothing else was accepted.", advised)


_TRUST = "If that is your proxy, name its network in trusted_proxies (--trusted-proxies), and restart the server."


def _proxy(facts: Facts) -> Check:
    """An untrusted proxy loses no event, but all its visitors have its location, and are one person with ip=1."""
    question, (private_s, public_s) = "Is the proxy in front of the server known?", facts.forwarded
    if private_s is not None and private_s < UNHEEDED_S_MAX:
        found = "No: an address of a private network sent X-Forwarded-For, and is not trusted. Visitors get its place."
        return Check(question, "wrong", found, _TRUST)
    if public_s is not None and public_s < UNHEEDED_S_MAX:
        found = "An address that is not trusted sent X-Forwarded-For: a proxy does so, but so can any client."
        return Check(question, "open", found, _TRUST)
    return Check(question, "good", "No X-Forwarded-For came from an address that is not trusted in the last day.")


def _visible(facts: Facts) -> Check:
    question, readiness = "Is what arrived in the store?", facts.readiness
    if readiness.store_fault or not readiness.loader_up:
        who = "store does not answer" if readiness.store_fault else "loader is not heard of"
        found = f"The {who}. What arrives is kept, and shown once it is back."
        return Check(question, "wrong", found, "Whoever runs the server finds the cause in its log.")
    if facts.lag_s > CHECKLIST_LAG_S_MAX:
        found = f"The store is {facts.lag_s:,.0f} s behind what arrived."
        return Check(question, "open", found, "Wait; if it grows, the disk or the store is too slow.")
    return Check(question, "good", "Store and loader are up, and not behind.")


def _crowded(facts: Facts) -> list[Check]:
    """The check for a crowd of connections from one peer. It is shown only where it matters: such a peer is refused
    first when there is no room."""
    crowd = facts.crowd
    if crowd.connections < CROWD_CONNECTIONS_MIN or 2 * crowd.largest <= crowd.connections:
        return []
    found = f"{crowd.largest:,} of {crowd.connections:,} connections of this process count for one address."
    advised = (
        "If that is a proxy of yours, name it in the setting trusted_proxies, so that each client counts by itself."
    )
    return [Check("Do clients come one by one?", "open", found, advised)]


def _refusals(refused: RejectedFor) -> str:
    return f"{refused.records:,} records of the last day were refused: {refused.reason}."


def _first(counted: Counted, about: Kind) -> RejectedFor | None:
    return next((each for each in counted.reasons if kind(each.reason) == about), None)


def _records(refused: Sequence[RejectedFor], about: Kind) -> int:
    return sum(each.records for each in refused if kind(each.reason) == about)
