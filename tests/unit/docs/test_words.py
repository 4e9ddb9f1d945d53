"""Pages, docstrings and comments are written in plain English: they contain none of a short list of words.

The list holds words that this project once used where the field has a term, and turns of phrase that need a second
reading. CONTRIBUTING.md has the writing guide, docs/glossary.md the terms. Code spans and code blocks are skipped.
"""

import ast
import io
import re
import tokenize
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[3]
SOURCES: Final = (
    "src/trackway/__main__.py",
    "src/trackway/ageing",
    "src/trackway/alerts",
    "src/trackway/backup",
    "src/trackway/cli.py",
    "src/trackway/commands",
    "src/trackway/domain",
    "src/trackway/edge",
    "src/trackway/embedded",
    "src/trackway/erasure",
    "src/trackway/geo",
    "src/trackway/http",
    "src/trackway/ingest",
    "src/trackway/journal",
    "src/trackway/loader",
    "src/trackway/lookup",
    "src/trackway/mail",
    "src/trackway/projects",
    "src/trackway/query",
    "src/trackway/runtime",
    "src/trackway/settings",
    "src/trackway/store",
    "src/trackway/supervisor",
    "src/trackway/telemetry",
    "src/trackway/transfer",
    "src/trackway/web",
)
"""Modules and folders of modules whose docstrings and comments are checked too. Add each one that is rewritten."""
AVOID: Final = {
    r"whoever": "name the client, address, process or person",
    r"of whom|of which no": "begin a new sentence",
    r"(left|leaves?|leaving) [\w ]{0,20}\balone": "stays unchanged",
    r"mend(s|ed|ing)?": "correct, repair",
    r"told|tells?|telling": "report, show, log, say",
    r"(makes?|made|becomes?|became|come|came) of (it|them|a|an|the|each|every)\b(?= ?[.,;:)\"]|$)": "name the result",
    r"what (becomes|became|is to become) of": "the outcome of",
    r"(gives?|giving|gave|given) way": "is closed, is dropped, yields",
    r"tak(es?|ing|en) (it |them |\w+ one )?over|took (it |them )?over": "reload, replace",
    r"tak(es?|ing|en) in\b(?! account)": "accept",
    r"dear(er|est)?": "expensive",
    r"so much (less|more)": "less, more",
    r"stands? in": "is in",
    r"(is|are) like that": "match",
    r"let go of|lets go of": "release, free",
    r"likewise": "too",
    r"wants? to be": "must be",
    r"get(s)? round": "makes progress",
}
"""Expressions, without regard to case, and what to write instead."""
_ANY: Final = re.compile(rf"\b(?:{'|'.join(AVOID)})\b", re.IGNORECASE | re.MULTILINE)
_CODE: Final = re.compile(r"^```.*?^```$|``[^\n]*?``|`[^`]*`|\]\([^)]*\)", re.DOTALL | re.MULTILINE)


def pages() -> list[Path]:
    """Every page, also those that are generated from texts of the source."""
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def modules() -> list[Path]:
    """The modules of SOURCES."""
    found = [
        path for name in SOURCES for path in ([ROOT / name] if name.endswith(".py") else (ROOT / name).rglob("*.py"))
    ]
    assert all(path.exists() for path in found)
    return sorted(found)


def prose_of(module: str) -> str:
    """The docstrings and comments of a module's text, each on its own line numbers, and nothing else."""
    lines = [""] * (module.count("\n") + 2)
    alone = [node.value for node in ast.walk(ast.parse(module)) if isinstance(node, ast.Expr)]
    for text in [value for value in alone if isinstance(value, ast.Constant) and isinstance(value.value, str)]:
        for number, line in enumerate(str(text.value).split("\n"), text.lineno):
            lines[number - 1] = line
    for token in tokenize.generate_tokens(io.StringIO(module).readline):
        if token.type == tokenize.COMMENT:
            lines[token.start[0] - 1] = token.string
    return "\n".join(lines)


def words_to_avoid_in_module(module: str) -> list[str]:
    """Each word to avoid in the prose of a module's text, which is parsed only where such a word is in any of it."""
    return words_to_avoid(prose_of(module)) if _ANY.search(module) else []


def words_to_avoid(text: str) -> list[str]:
    """Each word to avoid in a text, with its line and what to write instead."""
    prose = _CODE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
    return [
        f"line {prose.count(chr(10), 0, match.start()) + 1}: {match[0]!r}: {better}"
        for pattern, better in AVOID.items()
        for match in re.finditer(rf"\b(?:{pattern})\b", prose, re.IGNORECASE | re.MULTILINE)
    ]


@pytest.mark.parametrize("page", pages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_page_has_no_word_to_avoid(page: Path) -> None:
    assert words_to_avoid(page.read_text()) == []


def test_no_module_has_a_word_to_avoid() -> None:
    found = {str(module.relative_to(ROOT)): words_to_avoid_in_module(module.read_text()) for module in modules()}
    assert found and {module: words for module, words in found.items() if words} == {}


def test_a_word_to_avoid_is_found_in_docstrings_and_comments_and_not_in_code() -> None:
    assert words_to_avoid_in_module('X = "told"\n') == []
    for module in ('"""It is told.\n\nMore."""\n', "X = 1  # it is told\n", '"""What is\nmade of it"""\nX = 1\n'):
        assert len(words_to_avoid_in_module(module)) == 1


def test_prose_of_a_module_is_its_docstrings_and_comments() -> None:
    module = '"""First.\n\nSecond."""\n\nX = "told"  # third\n"""Fourth."""\n'
    assert prose_of(module).split() == ["First.", "Second.", "#", "third", "Fourth."]
    assert prose_of(module).split("\n")[4:6] == ["# third", "Fourth."]


def test_words_are_found_in_prose_and_not_in_code() -> None:
    assert len(words_to_avoid("Whoever was told\nleaves the property alone. They are mended.")) == 4
    assert words_to_avoid("`told` and\n```\nwhoever\n```\nA toldo is left. All are dearly alone.") == []
