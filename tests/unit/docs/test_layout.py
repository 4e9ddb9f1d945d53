"""Each test is in the folder for what it needs, and each helper in tests/support. CONTRIBUTING.md has the table."""

import ast
import functools
from pathlib import Path
from typing import Final, NamedTuple

import pytest

ROOT: Final = Path(__file__).parents[3]
TESTS: Final = ROOT / "tests"
SOURCE: Final = ROOT / "src/trackway"
UNIT: Final = TESTS / "unit"
FOLDERS: Final = ("unit", "store", "wire", "system", "cluster")
FILES: Final = sorted(path for path in TESTS.rglob("*.py") if "node_modules" not in path.parts)
TEST_FILES: Final = [path for path in FILES if path.name.startswith("test_")]
WITHOUT_MODULE: Final = {
    "docs": "the pages in docs, README and the layout of the checkout",
    "journal/segments/test_model.py": "all modules of the folder together, in any order of steps",
    "report_model": "the model that tests compare the answers of reports with",
}
"""Folders and files of tests/unit that are about no module of the source, and what they are about."""
PROCESSES: Final = {
    "server",
    "profile_server",
    "cluster",
    "chromium",
    "project",
    "profile_project",
    "running",
    "store",
    "nats",
}
"""Fixtures that start a server, an engine or a browser."""
STARTERS: Final = (
    "tests.support.server",
    "tests.support.profile_server",
    "tests.support.store.process",
    "tests.support.journal.nats_cluster",
)
"""Helpers that do."""


def _relative(path: Path) -> str:
    return path.relative_to(TESTS).as_posix()


def _in_list(path: Path) -> bool:
    name = path.relative_to(UNIT).as_posix()
    return any(name == each or name.startswith(each + "/") for each in WITHOUT_MODULE)


def _mirrors_a_module(path: Path) -> bool:
    """Whether `test_a.py` or `test_a_b.py` is at the path of the module or package `a`."""
    folder = SOURCE / path.parent.relative_to(UNIT)
    words = path.stem.removeprefix("test_").split("_")
    names = ["_".join(words[:count]) for count in range(1, len(words) + 1)]
    return any((folder / f"{name}.py").exists() or (folder / name / "__init__.py").exists() for name in names)


def test_each_test_file_is_in_the_folder_for_what_it_needs() -> None:
    assert [_relative(path) for path in TEST_FILES if path.relative_to(TESTS).parts[0] not in FOLDERS] == []


def test_each_unit_test_mirrors_a_module() -> None:
    unit = [path for path in TEST_FILES if UNIT in path.parents]
    assert [_relative(path) for path in unit if not _mirrors_a_module(path) and not _in_list(path)] == []


@pytest.mark.parametrize("name", WITHOUT_MODULE)
def test_what_mirrors_no_module_is_there(name: str) -> None:
    assert (UNIT / name).exists() and not (SOURCE / name).exists()


def test_each_helper_is_in_support() -> None:
    helpers = [path for path in FILES if path not in TEST_FILES and path.name not in ("conftest.py", "__init__.py")]
    assert helpers and [_relative(path) for path in helpers if TESTS / "support" not in path.parents] == []


class _Contents(NamedTuple):
    imported: set[str]
    functions: list[ast.FunctionDef]


@functools.cache
def _contents(path: Path) -> _Contents:
    nodes = list(ast.walk(ast.parse(path.read_text())))
    imported = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    return _Contents(imported, [node for node in nodes if isinstance(node, ast.FunctionDef)])


def test_no_file_imports_from_a_file_of_tests() -> None:
    """What two files of tests share is a helper."""
    naming = [path for path in FILES if ".test_" in path.read_text()]  # to parse all files takes seconds
    found = {_relative(path): [name for name in _contents(path).imported if ".test_" in name] for path in naming}
    assert {name: modules for name, modules in found.items() if modules} == {}


def test_each_folder_is_a_package() -> None:
    """Files of the same name in two folders are different modules only in packages."""
    assert {_relative(path.parent) for path in FILES if not (path.parent / "__init__.py").exists()} == set()


def test_no_unit_test_starts_a_server_or_an_engine() -> None:
    unit = [path for path in FILES if UNIT in path.parents]
    found = {_relative(path): _processes(path) for path in unit}
    assert found and {path: processes for path, processes in found.items() if processes} == {}


def _processes(path: Path) -> set[str]:
    """What a file of tests starts."""
    contents = _contents(path)
    tests = [function for function in contents.functions if function.name.startswith("test_")]
    asked = {argument.arg for function in tests for argument in function.args.args}
    made = {function.name for function in contents.functions}
    return (asked - made) & PROCESSES | contents.imported & set(STARTERS)
