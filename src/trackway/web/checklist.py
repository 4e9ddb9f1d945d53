"""The checklist "my events don't appear": what is known of a project comes in, answers and what to do leave.

Pure: the page gathers the facts. The questions stand in the order in which an event meets what may keep it: is the
token right, the region, the limits, the time, the rules; did it arrive, and is it in the store.
"""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from trackway.edge.health import Readiness
from trackway.edge.ratelimit import Use
from trackway.query.outcomes import Arrivals, Bucket, RejectedFor
from trackway.web.advice import Kind, advice, kind

LAG_S_MAX: Final = 10.0
"""The store is never so far behind unless something is slow."""

State = Literal["good", "wrong", "open"]
Token = Literal["own", "old", "other", "missing"]
"""What a token that somebody looked up is: this project's, one that was replaced but still counts, none of it; or none
was given."""


class Counted(NamedTuple):
    """What the store knows. `day` and `reasons` are of the last 24 hours, `hour` of the last one.

    `nobodys` are records of the day that name no known project; none for who may not know of them.
    """

    hour: Bucket
    day: Bucket
    ever: Arrivals
    reasons: Sequence[RejectedFor] = ()
    nobodys: Sequence[RejectedFor] = ()


NOTHING: Final = Counted(Bucket(0), Bucket(0), Arrivals(None, 0))


class Facts(NamedTuple):
    """What the answers are drawn from; `counted` is None while the store is away."""

    token: Token
    project_region: str
    server_region: str
    uses: Sequence[Use]
    readiness: Readiness
    lag_s: float
    counted: Counted | None


class Check(NamedTuple):
    """A question, whether all is well, what was found and what to do. `open` is what cannot be told from here."""

    question: str
    state: State
    found: str
    advice: str = ""


def checks(facts: Facts) -> list[Check]:
    """All of them, in order; while the store is away those that need no counts."""
    counted = facts.counted
    if counted is None:
        return [_visible(facts), _token(facts, NOTHING), _region(facts, NOTHING), _limits(facts)]
    return [
        _token(facts, counted),
        _region(facts, counted),
        _limits(facts),
        _times(counted),
        _rejected(counted),
        _arriving(counted),
        _passed_over(counted),
        _visible(facts),
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
    if facts.project_region != facts.server_region:
        found = f"The project belongs to region {facts.project_region}, this server to {facts.server_region}."
        return Check(question, "wrong", found, f"Send to the server of region {facts.project_region}.")
    if refused := _first(counted, "region"):
        return Check(question, "wrong", _told(refused), advice(refused.reason))
    return Check(question, "good", f"Project and server are both in region {facts.server_region}.")


def _limits(facts: Facts) -> Check:
    question = "Is it rate-limited?"
    full = [each for each in facts.uses if each.retry_after_s]
    if not full:
        return Check(question, "good", "No limit of the project is used up now.")
    told = [f"{each.limit}: {each.used:,} of {each.max:,} used, again in {each.retry_after_s} s" for each in full]
    return Check(question, "wrong", f"{'; '.join(told)}.", "Wait, send larger batches, or have the limit raised.")


def _times(counted: Counted) -> Check:
    question = "Are timestamps inside five days?"
    if refused := _first(counted, "time"):
        return Check(question, "wrong", _told(refused), advice(refused.reason))
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
    told = f"{day.duplicate:,} duplicates and {day.ignored:,} ignored in the last day"
    if not day.duplicate + day.ignored:
        return Check(question, "good" if day.received else "open", "None was in the last day.")
    if day.stored:
        return Check(question, "good", f"{told}; {day.stored:,} were stored.")
    advised = "Each event needs an $insert_id of its own; $ignore drops an event."
    return Check(question, "wrong", f"{told}, and nothing else was accepted.", advised)


def _visible(facts: Facts) -> Check:
    question, readiness = "Is what arrived in the store?", facts.readiness
    if readiness.store_fault or not readiness.loader_up:
        who = "store does not answer" if readiness.store_fault else "loader is not heard of"
        found = f"The {who}. What arrives is kept, and shown once it is back."
        return Check(question, "wrong", found, "Whoever runs the server finds the cause in its log.")
    if facts.lag_s > LAG_S_MAX:
        found = f"The store is {facts.lag_s:,.0f} s behind what arrived."
        return Check(question, "open", found, "Wait; if it grows, the disk or the store is too slow.")
    return Check(question, "good", "Store and loader are up, and not behind.")


def _told(refused: RejectedFor) -> str:
    return f"{refused.records:,} records of the last day were refused: {refused.reason}."


def _first(counted: Counted, about: Kind) -> RejectedFor | None:
    return next((each for each in counted.reasons if kind(each.reason) == about), None)


def _records(refused: Sequence[RejectedFor], about: Kind) -> int:
    return sum(each.records for each in refused if kind(each.reason) == about)
