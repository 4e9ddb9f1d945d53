"""The commands that README and docs name exist, with their options, and none is excused from being run without need."""

import re
import shutil
from pathlib import Path
from typing import Final

import click
import pytest

import trackway
from tests.support.docs.typed_commands import DOCUMENTS, NOT_RUN, ROOT, commands_of
from trackway.cli import cli

_INLINE: Final = re.compile(r"`((?:\.venv/bin/)?trackway [^`]+)`")


def test_no_command_is_excused_that_is_not_there() -> None:
    texts = [command.text for document in DOCUMENTS for command in commands_of(document)]
    assert [pattern for pattern in NOT_RUN if not any(re.fullmatch(pattern, text) for text in texts)] == []


def test_ci_runs_only_verbs_that_readme_names() -> None:
    verbs = re.findall(r"^make ([a-z-]+)", (ROOT / ".ci/run").read_text(), re.MULTILINE)
    named = [command.text.split()[1] for command in commands_of(DOCUMENTS[0]) if command.text.startswith("make ")]
    assert verbs and set(verbs) <= set(named)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_within_sentences_are_there_with_their_options(document: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", document.read_text(), flags=re.DOTALL | re.MULTILINE)
    for written in _INLINE.findall(text):
        words = written.replace("\n", " ").split()[1:]
        command: click.Command = cli
        context = click.Context(cli)
        while words and isinstance(command, click.Group) and (inner := command.get_command(context, words[0])):
            command = inner
            words.pop(0)
        known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        assert not isinstance(command, click.Group) or not words or words == ["…"], f"no such command: {written}"
        asked = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert asked <= known | {"--help", "--version"}, written


def test_no_page_names_a_package_of_ours_on_an_index() -> None:
    """Whoever registers that name there would run code on every reader's machine."""
    files = [*DOCUMENTS, *Path(trackway.__file__).parent.rglob("*.py")]
    assert [path.name for path in files if re.search(r"pip install ['\"]?trackway\b", path.read_text())] == []
    extras = {extra for path in files for extra in re.findall(r"pip install '\.\[([a-z]+)\]'", path.read_text())}
    declared = (DOCUMENTS[0].parent / "pyproject.toml").read_text()
    assert extras and all(f"\n{extra} = [" in declared for extra in extras)
    assert shutil.which("unshare"), "namespaces are made by unshare"
