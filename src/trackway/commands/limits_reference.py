"""The page docs/limits.md, written from the `limits.py` of each folder and from the table of the store's workloads."""

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Final, NamedTuple

_ROOT: Final = Path(__file__).parents[1]
_HEAD: Final = """\
# Limits

This page is written by `trackway reference limits > docs/limits.md`; a test fails when it is out of date.

Each bound is a constant in the `limits.py` of the folder that applies it. `domain` has the bounds that several folders
apply. Limits that an operator can change are [settings](settings.md).
"""
_WORKLOADS_HEAD: Final = """\

### Workloads

Each question to the store belongs to a workload (`store/workload.py`). No workload waits for another. "Of one project"
is how many connections one project may hold at once, and how many of its questions may wait for one. "Niceness" is that
of the store's threads, where its process has the capability CAP_SYS_NICE. "A share" of the cores is all of them for one
that runs alone; one that begins beside others of its workload divides them by the number of these.

| Workload | Connections | Of one project | Waiting | Cores | Niceness | Memory of one | Time of one | Asked by |
|---|---|---|---|---|---|---|---|---|
"""
_HEADING: Final = re.compile("^# (.+)$", re.MULTILINE)
_SIZES: Final = (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10))
_TIMES: Final = (("d", 86_400), ("h", 3600), ("min", 60))


class Limit(NamedTuple):
    """Constants that share a docstring, by name with their values, below a heading of their module."""

    heading: str
    values: dict[str, float]
    meaning: str


def limits_document() -> str:
    """docs/limits.md, whole."""
    sections = []
    for path in sorted(_ROOT.glob("*/limits.py")):
        folder = path.parent.name
        sections.append(
            f"\n## {folder}\n" + "".join(_tables(read_limits(path.read_text(), f"trackway.{folder}.limits")))
        )
        if folder == "store":
            sections.append(_workloads())
    return _HEAD + "".join(sections)


def read_limits(source: str, module: str) -> list[Limit]:
    """The constants of a module that have values of their own, in their order. Names without a docstring share the
    next one."""
    found: list[Limit] = []
    names: list[str] = []
    values = vars(import_module(module))
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            names += [ast.unparse(target) for target in _targets(node)]
        elif isinstance(node, ast.Expr) and names:
            headings = _HEADING.findall("\n".join(source.splitlines()[: node.lineno]))
            heading = headings[-1] if headings else ""
            meaning = " ".join(ast.literal_eval(node.value).split())
            found.append(Limit(heading, {name: values[name] for name in names}, meaning))
            names = []
    assert not names, f"{module}: {', '.join(names)} has no docstring"
    return found


def _targets(node: ast.Assign | ast.AnnAssign) -> list[ast.expr]:
    return node.targets if isinstance(node, ast.Assign) else [node.target]


def _tables(limits: list[Limit]) -> Iterator[str]:
    heading = None
    for limit in limits:
        if limit.heading != heading:
            heading = limit.heading
            yield (f"\n### {heading}\n" if heading else "") + "\n| Limit | Value | Meaning |\n|---|---|---|\n"
        names = ", ".join(f"`{name}`" for name in limit.values)
        shown = ", ".join(with_unit(name, value) for name, value in limit.values.items())
        yield f"| {names} | {shown} | {_cell(limit.meaning)} |\n"


def with_unit(name: str, value: float) -> str:
    """A value as people read it; the name of a constant says its unit."""
    words = name.split("_")
    if "BYTES" in words:
        return _bytes(value) + ("/s" if "PER" in words else "")
    if "MS" in words:
        return _duration(value / 1000)
    if "S" in words:
        return _duration(value)
    return f"{value:,}"


def _bytes(value: float) -> str:
    for unit, size in _SIZES:
        if value >= size and value % size == 0:
            return f"{value // size:,.0f} {unit}"
    return f"{value:,} B"


def _duration(seconds: float) -> str:
    for unit, length_s in _TIMES:
        if seconds >= length_s and seconds % length_s == 0:
            return f"{seconds // length_s:,.0f} {unit}"
    return f"{seconds:g} s" if seconds >= 0.1 else f"{seconds * 1000:g} ms"


def _workloads() -> str:
    from trackway.store import workload  # noqa: PLC0415  only this page needs it

    source = Path(workload.__file__).read_text()
    asked_by = {limit.name: limit for limit in workload.WORKLOADS.values()}
    meanings = dict(_documented(source))
    shared = {workload.ALL_CORES: "all", workload.SHARED_CORES: "a share"}
    rows = [
        f"| `{each.name}` | {each.connections} | {each.project_max} | {each.waiting_max} "
        f"| {shared.get(each.threads, each.threads)} | {each.nice} | {_bytes(each.memory_bytes_max)} "
        f"| {_duration(each.question_s_max) if each.question_s_max else 'any'} | {_cell(meanings[name.upper()])} |\n"
        for name, each in asked_by.items()
    ]
    return _WORKLOADS_HEAD + "".join(rows)


def _documented(source: str) -> Iterator[tuple[str, str]]:
    """The constants of a module with the docstrings that follow them."""
    name = ""
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            name = ast.unparse(_targets(node)[0])
        elif isinstance(node, ast.Expr) and name:
            yield name, " ".join(ast.literal_eval(node.value).split())
            name = ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
