"""When the breaker opens, whom it lets through, and when it closes."""

from hypothesis import given
from hypothesis import strategies as st

from trackway.journal.limits import STREAM_REFUSED_IN_A_ROW_MAX
from trackway.journal.stream.breaker import Breaker


def opened() -> Breaker:
    breaker = Breaker()
    said = [breaker.unanswered(str(number)) for number in range(STREAM_REFUSED_IN_A_ROW_MAX)]
    assert said == [False] * (STREAM_REFUSED_IN_A_ROW_MAX - 1) + [True]
    return breaker


def test_it_opens_after_some_in_a_row_and_an_answer_in_between_counts_anew() -> None:
    breaker = Breaker()
    for _ in range(3):
        for number in range(STREAM_REFUSED_IN_A_ROW_MAX - 1):
            assert not breaker.unanswered(str(number))
        assert not breaker.is_open and not breaker.answered()
    assert opened().is_open


def test_one_record_at_a_time_probes() -> None:
    breaker = opened()
    for number in range(5):
        assert not breaker.refusal
        breaker.let_through(f"probe {number}")
        assert breaker.refusal
        assert not breaker.unanswered("one that waited before")
        assert breaker.refusal, "the probe is still on its way"
        assert not breaker.unanswered(f"probe {number}")


def test_any_answer_closes_it() -> None:
    breaker = opened()
    breaker.let_through("probe")
    assert breaker.answered()
    assert not breaker.refusal and not breaker.is_open and not breaker.answered()
    assert not breaker.unanswered("probe"), "it fails later, alone"


@given(st.lists(st.sampled_from(["submit", "answer", "fail"])))
def test_while_it_is_open_at_most_one_new_record_is_on_its_way(steps: list[str]) -> None:
    breaker, waiting, since_open, count = Breaker(), [], 0, 0
    for step in steps:
        if step == "submit" and not breaker.refusal:
            count += 1
            since_open += breaker.is_open
            breaker.let_through(str(count))
            waiting.append(str(count))
        elif step == "answer" and waiting:
            waiting.pop(0)
            breaker.answered()
        elif step == "fail" and waiting:
            breaker.unanswered(waiting.pop(0))
        since_open = min(since_open, len(waiting)) if breaker.is_open else 0
        assert since_open <= 1
        assert waiting or not breaker.refusal, "nobody would ever close it"
