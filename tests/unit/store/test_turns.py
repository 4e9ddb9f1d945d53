"""Places that projects share: none takes the last one, none waits behind another's queue, and none is lost."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.examples import examples
from trackway.store.turns import TooManyWait, Turns


async def begun(coroutine: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
    """A task that has come as far as it comes at once."""
    task = asyncio.create_task(coroutine)
    for _ in range(3):
        await asyncio.sleep(0)
    return task


def test_a_project_never_takes_the_last_place() -> None:
    async def story() -> None:
        turns = Turns(3, 2, 8)
        tasks = [await begun(turns.take("a")) for _ in range(5)]
        assert [task.done() for task in tasks] == [True, True, False, False, False]
        await asyncio.wait_for(turns.take("b"), 1)
        turns.give("b")
        assert not tasks[2].done(), "a place that another project gave back is not for one that has its share"
        turns.give("a")
        await asyncio.wait_for(tasks[2], 1)
        for task in tasks[3:]:
            task.cancel()

    asyncio.run(story())


def test_projects_that_wait_are_served_in_turn() -> None:
    async def story() -> list[str]:
        turns, served = Turns(1, 1, 8), list[str]()

        async def asking(project: str) -> None:
            await turns.take(project)
            served.append(project)
            turns.give(project)

        await turns.take("first")
        tasks = [await begun(asking(project)) for project in ("a", "a", "a", "b", "c", "b")]
        turns.give("first")
        await asyncio.wait_for(asyncio.gather(*tasks), 1)
        return served

    assert asyncio.run(story()) == ["a", "b", "c", "a", "b", "a"]


def test_a_flood_of_one_project_is_refused_and_the_others_still_wait() -> None:
    async def story() -> None:
        turns = Turns(1, 1, 2)
        await turns.take("a")
        waiting = [await begun(turns.take("a")) for _ in range(2)]
        with pytest.raises(TooManyWait):
            await turns.take("a")
        other = await begun(turns.take("b"))
        turns.give("a")
        await asyncio.wait_for(waiting[0], 1)
        turns.give("a")
        await asyncio.wait_for(other, 1)
        waiting[1].cancel()

    asyncio.run(story())


def test_who_waits_can_be_let_go_without_a_place() -> None:
    async def story() -> None:
        turns = Turns(1, 1, 8)
        await turns.take("a")
        waiting = [await begun(turns.take(project)) for project in ("a", "b")]
        turns.refuse()
        for task in waiting:
            with pytest.raises(TooManyWait):
                await asyncio.wait_for(task, 1)
        turns.give("a")
        await asyncio.wait_for(turns.take("b"), 1)

    asyncio.run(story())


PLACES, PROJECT_MAX = 3, 2
steps = st.lists(st.tuples(st.sampled_from(["take", "give", "leave", "leave, give"]), st.integers(0, 3)), max_size=60)


@settings(max_examples=examples(200))
@given(steps)
def test_no_place_is_lost_or_made_whoever_leaves_when(story: list[tuple[str, int]]) -> None:
    async def run() -> None:
        turns = Turns(PLACES, PROJECT_MAX, 100)
        tasks: dict[int, list[asyncio.Task[None]]] = {project: [] for project in range(4)}
        held = dict.fromkeys(range(4), 0)

        async def settle() -> None:
            for _ in range(4):
                await asyncio.sleep(0)
            for project, asked in tasks.items():
                held[project] += sum(task.done() for task in asked)
                tasks[project] = [task for task in asked if not task.done()]

        for what, project in story:
            if what == "take":
                tasks[project].append(asyncio.create_task(turns.take(project)))
            elif what == "give" and held[project]:
                held[project] -= 1
                turns.give(project)
            elif what.startswith("leave") and tasks[project]:
                left = tasks[project].pop(0)
                left.cancel()
                if "give" in what and any(held.values()):  # before the one that leaves has noticed
                    giver = max(held, key=lambda each: held[each])
                    held[giver] -= 1
                    turns.give(giver)
                await asyncio.gather(left, return_exceptions=True)
                assert left.cancelled()
            await settle()
            assert sum(held.values()) <= PLACES
            assert max(held.values()) <= PROJECT_MAX
            may_hold = [each for each in tasks if tasks[each] and held[each] < PROJECT_MAX]
            assert sum(held.values()) == PLACES or not may_hold, "a place is free, and who may have it waits"
        for asked in tasks.values():
            for task in asked:
                task.cancel()

    asyncio.run(run())
