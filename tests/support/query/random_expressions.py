"""Random expressions, as texts, and random rows for them to speak of; everything follows from one `Random`.

The expressions are made of the whole grammar, and most parts are of the kind that is meant there, so that they are
something in most rows. Numbers are kept where the embedded engine writes all of their digits (of exponents such as
1e205 it drops the zero).
"""

import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, NamedTuple

NAMES = ["a", "b", "c", "q\"uo'te", "do.t\\", "ü {x:String} --"]
STRINGS = [
    "",
    "a",
    "ab",
    "b",
    "true",
    "false",
    "12",
    "-0.50",
    "1e3",
    "+7",
    "007",
    "1e999",
    "x\"'\\\n\0/*",
    "ü😀",
    "null",
]
STRINGS += ["2026-01-31", "2026-01-31T00:00:00", "2026-02-30", "2026-01-31 23:59:59.1239+05:30", "1900-01-01", "12 "]
STRINGS += [
    "2026-01-31t02:00:00,5+02",
    "2026-01-31T02:00:00.123+0200",
    "2026-01-30T24:00:00",
    "1970-01-01T00:00Z",
    "\uffff",
]
TIMES = ["$time", "time"]
MAPPED = ["a", "n", "s", "l", "t", "time", "ü {x:String} --"]
"""Properties that are mapped to the lookup table."""
LOOKUP_COLUMNS = ["of it", "b → c"]
LOOKED_UP = [f"{name} → {column}" for name in MAPPED for column in [*LOOKUP_COLUMNS, "nope"]]
"""Names of the table's columns as properties, and of one that it does not have."""
NUMBERS = [0.0, 1.0, 2.0, 0.5, 1.5, 2.5, 0.1, 3.0, 12.0, 1e21, 1.5e-9, 9007199254740993.0, 1769817600.0, 1e-6, 1e20]
NAMED_LISTS: tuple[list[Any], ...] = (
    [],
    [1],
    ["a", "b"],
    [1.0, "1", True, None],
    ["x", ["x"], {"k": 1}],
    [[1, 2], [1]],
    ["", "ab", "ü😀"],
    ["2026-01-31T00:00:00.123Z", "1970-01-01", "ab"],
)


def quoted(text: str) -> str:
    """A string as a literal of the language."""
    return json.dumps(text, ensure_ascii=False)


class StoredRow(NamedTuple):
    """A row as the store has it."""

    properties: str
    user: str
    time_ms: int
    name: str


def lookup_table(random: Random) -> dict[str, list[str]]:
    """The rows of a lookup table by key: the JSON of the values of LOOKUP_COLUMNS, '' for undefined ones."""
    keys = [
        *filter(str.strip, STRINGS),
        "1",
        "2",
        "-1",
        "0",
        "0.5",
        "1e-6",
        "1769817600",
        "100000000000000000000",
        "{}",
    ]
    values = ["", "", "[]", '["a","ü"]', '["[\\"x]"]', "true", "1", "-2.50", "12345678901234567890123", "null-ish"]
    made = [value if value[:1] in '["t-0123456789' else json.dumps(value) for value in values if value] + [""]
    made += [json.dumps(text, ensure_ascii=False) for text in STRINGS]
    return {key: [random.choice(made) for _ in LOOKUP_COLUMNS] for key in random.sample(keys, random.randrange(30))}


class Rows:
    """Makes rows."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def row(self) -> StoredRow:
        texts = (json.dumps(self._object(), ensure_ascii=False) for _ in range(2))
        time_ms = self._random.choice([0, 1769817600000, 1769817600123])
        return StoredRow(next(texts), next(texts), time_ms, self._random.choice(["", "a", "ü 'x'"]))

    def _object(self) -> dict[str, Any]:
        # n, s, t, l nearly always hold something of their kind, the other names anything or nothing.
        named = {"n": self._number(), "s": self._random.choice(STRINGS), "t": self._random.random() < 0.5}
        named["l"] = self._list()
        if self._random.random() < 0.1:
            del named[self._random.choice(list(named))]
        return named | {name: self._value() for name in (*NAMES, *TIMES) if self._random.random() < 0.6}

    def _value(self) -> Any:
        make: Callable[[], Any] = self._random.choice([self._scalar, self._scalar, self._list, lambda: {"k": [1]}])
        return make()

    def _list(self) -> list[Any]:
        if self._random.random() < 0.5:
            return list(self._random.choice(NAMED_LISTS))
        return [self._scalar() for _ in range(self._random.randrange(4))]

    def _scalar(self) -> Any:
        return self._random.choice([self._number(), self._random.choice(STRINGS), True, False, None])

    def _number(self) -> float:
        large = self._random.randrange(-(2**70), 2**70)
        real = self._random.uniform(-1, 1) * 10.0 ** self._random.randrange(-9, 25)
        usual = self._random.choice(NUMBERS) * self._random.choice([1, -1])
        return self._random.choice([self._random.randrange(-3, 4), usual, usual, usual, real, large])


class Texts:
    """Makes expressions of about `depth` operations within one another, by what they are meant to be."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._elements: list[str] = []

    def any(self, depth: int) -> str:
        kinds: Sequence[Callable[[int], str]] = [self.number, self.string, self.truth, self.list, self.moment]
        if self._random.random() < 0.4:
            return self._reference(NAMES if self._random.random() < 0.6 else LOOKED_UP)
        return self._random.choice(kinds)(depth)

    def number(self, depth: int) -> str:
        literal = repr(self._random.choice([*NUMBERS, self._random.uniform(0, 1e9)]))
        forms = ["({n} {arithmetic} {n})", "{of_number}({n})", "length({s})", "length({l})", "number({a})"]
        return self._made(depth, [self._reference(["n"]), literal], [*forms, "number({a}, {n})"])

    def string(self, depth: int) -> str:
        leaves = [self._reference(["s"]), quoted(self._random.choice(STRINGS)), 'event["$name"]']
        return self._made(depth, leaves, ["({s} + {s})", "string({a})", "string({a}, {s})", "string({a}, {a})"])

    def truth(self, depth: int) -> str:
        forms = ["({n} {compared} {n})", "({m} {compared} {m})", "({a} {equal} {a})", "({n} {equal} {n})"]
        forms += ["({s} {compared} {s})", "({m} {compared} {s})", "({s} {compared} {m})", "({a} {compared} {m})"]
        forms += ["({a} {compared} {a})", "({m} {equal} {s})", "({m} {equal} {a})", "({m} in {l})"]
        forms += ["({s} {equal} {s})", "({a} in {l})", "({n} in {l})", "({s} in {s})", "({t} {junction} {t})"]
        forms += ["({t} {junction} {t})", "(not {t})", "(not {a})", "defined({a})", "boolean({a})", "boolean({a}, {t})"]
        forms += ["quantified"] * 3
        return self._made(depth, [self._reference(["t"]), self._random.choice(["true", "FALSE"])], forms)

    def list(self, depth: int) -> str:
        values = [repr(self._random.choice(NUMBERS)), quoted(self._random.choice(STRINGS)), "true", "-1.5"]
        literal = f"[{', '.join(self._random.sample(values, self._random.randrange(4)))}]"
        return self._made(depth, [self._reference(["l"]), literal], ['string(user["nope"], {l})'])

    def moment(self, depth: int) -> str:
        leaves = ['event["$time"]', 'datetime("2026-01-31")', "datetime(1769817600.1234)", "datetime(1e12)"]
        leaves += ['properties["$time"]', self._reference(TIMES)]
        return self._made(depth, leaves, ["datetime({s})", "datetime({n})", "datetime({m})"])

    def _reference(self, names: Sequence[str]) -> str:
        if self._elements and self._random.random() < 0.5:
            return self._random.choice(self._elements)
        return f"{self._random.choice(['properties', 'user'])}[{quoted(self._random.choice(names))}]"

    def _made(self, depth: int, leaves: Sequence[str], forms: Sequence[str]) -> str:
        if self._random.random() < 0.04:  # now and then something else than what is meant
            return self.any(depth - 1)
        if depth <= 0:
            return self._random.choice(leaves)
        form = self._random.choice(forms)
        return self._quantified(depth - 1) if form == "quantified" else self._filled(form, depth - 1)

    def _quantified(self, depth: int) -> str:
        of, name = self.list(depth), self._random.choice(["X", "Y"])
        outer, self._elements = self._elements, [*self._elements, name]
        condition = self.truth(depth)
        self._elements = outer
        return f"{self._random.choice(['any', 'ALL'])}({name}, {of}, {condition})"

    def _filled(self, form: str, depth: int) -> str:
        parts = {"n": self.number, "s": self.string, "t": self.truth, "l": self.list, "m": self.moment, "a": self.any}
        words = {"arithmetic": "+-*/%", "compared": ["<", "<=", ">", ">="], "equal": ["==", "!="]}
        words |= {"of_number": ["floor", "ceil", "round", "-"], "junction": ["and", "OR"]}
        text = form
        for word, choices in words.items():
            text = text.replace(f"{{{word}}}", self._random.choice(choices))
        pieces = []
        for piece in text.split("{"):
            letter, closed, rest = piece.partition("}")
            pieces.append(parts[letter](depth) + rest if closed else piece)
        return "".join(pieces)
