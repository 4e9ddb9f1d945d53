"""The plain meaning of profile operations (protocol §5) over decoded values: a line or two each, without bounds."""

from collections.abc import Callable
from typing import Any

Json = Any
Profile = dict[str, Json] | None


def same(left: Json, right: Json) -> bool:
    """Equality of JSON values: the same type, and the same value."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[name], right[name]) for name in left)
    return bool(left == right)


def plain_add(profile: dict[str, Json], name: str, value: Json) -> None:
    present = profile.get(name, 0)
    if isinstance(present, int | float) and not isinstance(present, bool):
        profile[name] = present + value


def plain_append(profile: dict[str, Json], name: str, value: Json) -> None:
    if isinstance(items := profile.setdefault(name, []), list):
        items.append(value)


def plain_union(profile: dict[str, Json], name: str, values: Json) -> None:
    if isinstance(items := profile.setdefault(name, []), list):
        for value in values:
            if not any(same(value, each) for each in items):
                items.append(value)


def plain_remove(profile: dict[str, Json], name: str, value: Json) -> None:
    if isinstance(items := profile.get(name), list):
        profile[name] = [each for each in items if not same(value, each)]


PLAIN: dict[str, Callable[[dict[str, Json], str, Json], object]] = {
    "$set": dict.__setitem__,
    "$set_once": dict.setdefault,
    "$add": plain_add,
    "$append": plain_append,
    "$union": plain_union,
    "$remove": plain_remove,
}


def plainly(profile: Profile, update: Json) -> Profile:
    """The profile after an update, None where there is none. It may be the one given, changed."""
    for operation, operand in update.items():
        if operation == "$delete":
            profile = None
        elif operation == "$unset":
            profile = profile and {name: value for name, value in profile.items() if name not in operand}
        elif operation != "$remove" or profile is not None:
            profile = {} if profile is None else profile
            for name, value in operand.items():
                PLAIN[operation](profile, name, value)
    return profile
