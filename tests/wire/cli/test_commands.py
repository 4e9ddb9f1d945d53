"""The command as a person or a program runs it: a real process, its two outputs and its exit code."""

import json
import os
import pty
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import click
import pytest

from tests.support.command_line import TRACKWAY, commands_by_name, printed, trackway
from trackway import __version__
from trackway.cli import cli, run
from trackway.projects.database import ProjectsDatabase
from trackway.projects.project import Project
from trackway.projects.project_lookup import ProjectDirectory
from trackway.projects.sqlite import SqliteReader
from trackway.settings.groups import GROUPS, OTHERS
from trackway.settings.table import ROWS, ROWS_BY_NAME

DOCS = Path(__file__).parents[3] / "docs"


@pytest.fixture(scope="session")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory as the first start of a server leaves it, as far as commands beside it need it."""
    directory = tmp_path_factory.mktemp("begun")
    ProjectsDatabase(directory / "projects.db").migrate()
    return directory


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begun: Path) -> Path:
    """A working directory with data of a server where it is by default, and in others that tests name."""
    for name in ("trackway-data", "d", "by-flag", "by-environment", "by-file"):
        shutil.copytree(begun, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def projects_in(directory: str) -> list[Project]:
    return SqliteReader(Path(directory) / "projects.db").all_projects()


def test_created_project_is_listed_with_the_same_fields_in_the_same_order() -> None:
    created = json.loads(printed("project", "create", "Shop", "--region", "eu", "--json", "--data-dir", "d"))
    assert list(created) == [
        "project_id",
        "name",
        "token",
        "secret",
        "region",
        "identity_mode",
        "time_zone",
        "week_start",
    ]
    assert (created["project_id"], created["name"], created["region"]) == (1, "Shop", "eu")
    assert created["identity_mode"] == "simplified"
    assert (created["time_zone"], created["week_start"]) == ("UTC", "monday")
    assert re.fullmatch(r"[0-9a-f]{32}", created["token"])
    assert json.loads(printed("project", "list", "--json", "--secrets", "--data-dir", "d")) == [created]


def test_list_shows_secrets_only_when_asked_to() -> None:
    created = json.loads(printed("project", "create", "Shop", "--json"))
    without = {name: value for name, value in created.items() if name != "secret"}
    assert json.loads(printed("project", "list", "--json")) == [without]
    assert created["secret"] not in printed("project", "list")
    assert created["secret"] in printed("project", "list", "--secrets")


def test_project_of_original_identity_is_created_and_listed_as_such() -> None:
    created = json.loads(printed("project", "create", "Shop", "--identity-mode", "original", "--json"))
    assert created["identity_mode"] == "original"
    [listed] = json.loads(printed("project", "list", "--json"))
    assert listed["identity_mode"] == "original"
    assert "original" in printed("project", "list")


def test_data_directory_is_taken_from_flag_environment_or_file(elsewhere: Path) -> None:
    (elsewhere / "some.toml").write_text('data_dir = "by-file"\nregion = "in"\n')
    printed("project", "create", "a", "--data-dir", "by-flag", TRACKWAY_DATA_DIR="by-environment")
    printed("project", "create", "b", TRACKWAY_DATA_DIR="by-environment")
    printed("project", "create", "c", "--config", "some.toml")
    found = {name: [p.name for p in projects_in(name)] for name in ("by-flag", "by-environment", "by-file")}
    assert found == {"by-flag": ["a"], "by-environment": ["b"], "by-file": ["c"]}
    assert [p.region for p in projects_in("by-file")] == ["in"]


def test_list_without_a_project_is_empty_and_says_how_to_make_one() -> None:
    assert json.loads(printed("project", "list", "--json")) == []
    done = trackway("project", "list")
    assert (done.returncode, done.stdout) == (0, "")
    assert "trackway project create NAME" in done.stderr


def test_tables_for_people_hold_every_key_whole_even_in_a_narrow_pipe() -> None:
    name = "a long name " * 20 + "end"
    created = json.loads(printed("project", "create", name, "--json"))
    table = printed("project", "list", "--secrets", COLUMNS="40")
    assert created["token"] in table
    assert created["secret"] in table
    assert name in table
    assert "\x1b" not in table


def test_keys_are_whole_on_a_narrow_terminal_too() -> None:
    created = json.loads(printed("project", "create", "Shop", "--json"))
    ours, theirs = pty.openpty()
    subprocess.run(
        [TRACKWAY, "project", "list", "--secrets"], stdout=theirs, check=True, env={**os.environ, "COLUMNS": "50"}
    )
    os.close(theirs)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    assert created["token"] in shown
    assert created["secret"] in shown


def test_markup_in_a_name_is_text() -> None:
    printed("project", "create", "[bold]x[/bold] [/nope]")
    assert "[bold]x[/bold] [/nope]" in printed("project", "list")


def test_project_gets_a_setting_of_its_own_and_gives_it_up() -> None:
    printed("project", "create", "Shop")
    changed = printed("project", "set", "1", "import_requests_per_hour=600", "export_concurrent_max=9", "--json")
    assert json.loads(changed) == {
        "project_id": 1,
        "time_zone": "UTC",
        "week_start": "monday",
        "settings": {"import_requests_per_hour": 600, "export_concurrent_max": 9},
    }
    assert "600" in printed("project", "set", "1", "export_concurrent_max=")


def test_project_is_made_in_a_time_zone_and_moved_to_another() -> None:
    made = printed("project", "create", "Shop", "--time-zone", "Asia/Tokyo", "--week-start", "sunday", "--json")
    created = json.loads(made)
    assert (created["time_zone"], created["week_start"]) == ("Asia/Tokyo", "sunday")
    changed = json.loads(printed("project", "set", "Shop", "--time-zone", "Europe/Berlin", "--json"))
    assert changed == {"project_id": 1, "time_zone": "Europe/Berlin", "week_start": "sunday", "settings": {}}
    several = ("export_concurrent_max=9", "--week-start", "monday", "--time-zone", "UTC")
    assert "monday" in printed("project", "set", "Shop", *several)
    shown = json.loads(printed("project", "show", "Shop", "--json"))
    assert shown | {"time_zone": "UTC", "week_start": "monday", "settings": {"export_concurrent_max": 9}} == shown
    printed("project", "set", "Shop", "--time-zone", "America/Argentina/Buenos_Aires")
    for command in (["list"], ["show", "Shop"]):
        assert "America/Argentina/Buenos_Aires" in printed("project", *command)
    [listed] = json.loads(printed("project", "list", "--json"))
    assert listed["time_zone"] == "America/Argentina/Buenos_Aires"


def test_rotated_key_is_shown_with_the_old_one_and_its_end() -> None:
    created = json.loads(printed("project", "create", "Web shop", "--json"))
    printed("project", "set", "1", "export_concurrent_max=9")
    rotated = json.loads(printed("project", "rotate", "Web shop", "--token", "--overlap", "7d", "--json"))
    assert json.loads(printed("project", "show", "Web shop", "--json")) == rotated
    old_keys, settings = rotated.pop("old_keys"), rotated.pop("settings")
    end = datetime.fromisoformat(old_keys[0].pop("until")) - datetime.fromisoformat(rotated.pop("created"))
    assert timedelta(days=7) <= end < timedelta(days=7, minutes=1)
    assert old_keys == [{"kind": "token", "key": created["token"]}]
    assert settings == {"export_concurrent_max": 9}
    assert [rotated.pop(each) for each in ("event_retention", "profile_retention")] == [None, None]
    assert rotated == created | {"token": rotated["token"]}
    assert rotated["token"] != created["token"]
    table = printed("project", "show", "Web shop")
    assert re.search(rf"old token +{created['token']} until \d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", table)
    assert all(text in table for text in (rotated["token"], created["secret"], "export_concurrent_max"))
    ended = json.loads(printed("project", "rotate", "Web shop", "--token", "--overlap", "0", "--json"))
    assert ended["old_keys"] == []


def audited(number: int) -> list[tuple[str, str]]:
    """The actions on a project and their subjects, in order. All are of the command line."""
    entries = ProjectsDatabase(Path("trackway-data/projects.db")).audit(20, None, number)
    assert all(each.name.endswith(" on the command line") for each in entries)
    return [(each.action, each.subject) for each in reversed(entries)]


def test_project_is_renamed_described_archived_and_taken_up() -> None:
    created = json.loads(printed("project", "create", "Shop", "--json"))
    renamed = json.loads(printed("project", "rename", "Shop", "Störe", "--json"))
    assert renamed == {"project_id": 1, "name": "Störe", "description": "", "archived": None}
    described = json.loads(printed("project", "describe", "Störe", "What we sell", "--json"))
    assert described == renamed | {"description": "What we sell"}
    archived = json.loads(printed("project", "archive", "1", "--json"))
    assert datetime.fromisoformat(archived["archived"]) and archived == described | {"archived": archived["archived"]}
    assert "archived" in printed("project", "show", "Störe")
    assert ProjectsDatabase(Path("trackway-data/projects.db")).named("1").is_archived
    assert "What we sell" in printed("project", "rename", "1", "Shop"), "also while it is archived"
    assert json.loads(printed("project", "unarchive", "Shop", "--json"))["archived"] is None
    shown = json.loads(printed("project", "show", "Shop", "--json"))
    assert {name: shown[name] for name in created} == created and "archived" not in shown
    assert audited(1)[:-1] == [
        ("project created", "Shop"),
        ("project described", "Störe"),
        ("project described", "Störe"),
        ("project archived", "Störe"),
        ("key shown", "token and secret"),
        ("project described", "Shop"),
        ("project taken up", "Shop"),
    ]


def test_project_is_deleted_only_with_its_name() -> None:
    printed("project", "create", "Web shop")
    for arguments in (["Web shop"], ["Web shop", "--yes", "web shop"], ["1", "--yes", "1"]):
        done = trackway("project", "delete", *arguments)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done
        assert "name of the project" in done.stderr
    assert [each.name for each in projects_in("trackway-data")] == ["Web shop"]
    assert printed("project", "delete", "1", "--yes", "Web shop") == "deleted Web shop, id 1\n"
    assert projects_in("trackway-data") == [] and audited(1)[-1] == ("project deleted", "Web shop")
    assert trackway("project", "delete", "Web shop", "--yes", "Web shop").returncode == 1
    assert json.loads(printed("project", "create", "Web shop", "--json"))["project_id"] == 2


@pytest.mark.parametrize(("typed", "code"), [("Web shop", 0), ("web shop", 2), ("", 2)])
def test_who_deletes_a_project_on_a_terminal_types_its_name(typed: str, code: int) -> None:
    printed("project", "create", "Web shop")
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [TRACKWAY, "project", "delete", "Web shop"], stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as command:
        os.write(ours, f"{typed}\n".encode())
        _, said = command.communicate(timeout=30)
    os.close(ours)
    os.close(theirs)
    assert command.returncode == code and b"This deletes the project 'Web shop', id 1, for good." in said
    assert [each.name for each in projects_in("trackway-data")] == (["Web shop"] if code else [])


def test_project_made_beside_a_reader_is_seen_by_it_at_once(elsewhere: Path) -> None:
    printed("project", "create", "first")
    directory = ProjectDirectory(elsewhere / "trackway-data/projects.db")
    assert directory.refresh()
    token = json.loads(printed("project", "create", "second", "--json"))["token"]
    project = directory.by_token(token)
    assert project is not None
    assert project.name == "second"


COMMAND_GROUPS = {name: group for name, group in commands_by_name().items() if isinstance(group, click.Group)}
COMMANDS = [
    ["account", "create", "n", "--project", "1"],
    ["account", "list"],
    ["account", "revoke", "1"],
    ["account", "rotate", "1"],
    ["account", "add-to-project", "1", "--project", "1"],
    ["account", "remove-from-project", "1", "--project", "1"],
    ["admin", "password"],
    ["backup", "make", "out"],
    ["demo", "--project", "1"],
    ["export", "out", "--project", "1"],
    ["import", "-", "--project", "1"],
    ["identity", "show", "u"],
    ["identity", "preview", "u", "v"],
    ["identity", "unlink", "u", "--reason", "r"],
    ["journal", "init"],
    ["journal", "replace", "0"],
    ["journal", "status"],
    ["journal", "drain"],
    ["migrate", "--from", "mixpanel", "--project-id=1", "--username=u", "--secret=s", "--from-date=2024-01-01"],
    ["lookup-table", "create", "t"],
    ["lookup-table", "delete", "t"],
    ["lookup-table", "list"],
    ["lookup-table", "map", "t", "P"],
    ["lookup-table", "mappings"],
    ["lookup-table", "replace", "t", "-"],
    ["lookup-table", "unmap", "P"],
    ["project", "archive", "x"],
    ["project", "create", "x"],
    ["project", "delete", "x", "--yes", "x"],
    ["project", "describe", "x", "what it is"],
    ["person", "cancel", "1"],
    ["person", "erase", "u", "--yes"],
    ["person", "export", "u", "--to", "files"],
    ["person", "task", "1"],
    ["project", "identity", "x", "original"],
    ["project", "limits", "x"],
    ["project", "list"],
    ["project", "rename", "x", "y"],
    ["project", "rotate", "x", "--token"],
    ["project", "set", "x", "export_concurrent_max=1"],
    ["project", "show", "x"],
    ["project", "unarchive", "x"],
    ["retention", "confirm"],
    ["retention", "show"],
    ["sql", "SELECT 1"],
    ["store", "check"],
    ["store", "rebuild"],
    ["user", "add-to-project", "a@example.com", "--project", "1"],
    ["user", "disable", "a@example.com"],
    ["user", "enable", "a@example.com"],
    ["user", "invite", "a@example.com", "--project", "1"],
    ["user", "list"],
    ["user", "remove-from-project", "a@example.com", "--project", "1"],
    ["user", "remove-second-factor", "a@example.com"],
    ["user", "reset", "a@example.com"],
    ["user", "sign-out", "a@example.com"],
    ["user", "uninvite", "1"],
]


def test_every_command_beside_a_server_is_among_those_tried() -> None:
    there = {(name, command) for name, group in COMMAND_GROUPS.items() for command in group.commands}
    there -= {("store", "serve")}
    there -= {("backup", "list"), ("backup", "verify")}  # of a place, not of a data directory
    assert {(name, command) for name, command, *_ in COMMANDS} == there | {
        ("demo", "--project"),
        ("export", "out"),
        ("import", "-"),
        ("migrate", "--from"),
        ("sql", "SELECT 1"),
    }


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda each: " ".join(each[:2]))
@pytest.mark.parametrize("at", ["typo", "empty", "file"])
def test_no_command_beside_a_server_makes_a_data_directory(elsewhere: Path, arguments: list[str], at: str) -> None:
    (elsewhere / "empty").mkdir()
    (elsewhere / "file").write_text("")
    before = sorted(elsewhere.rglob("*"))
    assert run([*arguments, "--data-dir", at]) == 2
    assert sorted(elsewhere.rglob("*")) == before


def test_command_says_where_it_found_no_data(elsewhere: Path) -> None:
    done = trackway("admin", "password", "--data-dir", "typo")
    wanted = f"trackway: no trackway data in {elsewhere / 'typo'}: start the server on it first, or name the server's "
    assert (done.returncode, done.stdout, done.stderr) == (2, "", wanted + "directory with --data-dir\n")
    (elsewhere / "elsewhere" / "journal").mkdir(parents=True)
    done = trackway("project", "list", "--data-dir", "elsewhere")
    assert (done.returncode, done.stdout) == (2, "")
    assert "with --projects-url" in done.stderr


def test_commands_run_at_once_on_a_new_directory() -> None:
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda n: trackway("project", "create", f"p{n}", "--json"), range(6)))
    assert [(each.returncode, each.stderr) for each in done] == [(0, "")] * 6
    assert sorted(json.loads(each.stdout)["project_id"] for each in done) == [1, 2, 3, 4, 5, 6]


USAGE = [
    (["project", "create", ""], "project name must be 1 to 255 characters, not 0"),
    (["project", "create"], "missing argument 'NAME' (see 'trackway project create --help')"),
    (["project", "create", "x", "--region", "de"], "region must be one of us, eu, in, not 'de'"),
    (["project", "create", "x", "--identity-mode", "new"], "must be one of simplified, original, not 'new'"),
    (["project", "create", "x", "--time-zone", "Europe/Berln"], "did you mean Europe/Berlin?"),
    (["project", "create", "x", "--week-start", "friday"], "week start must be one of monday, sunday, not 'friday'"),
    (["project", "set", "1"], "say what to change: SETTING=NUMBER, --time-zone, --week-start"),
    (["project", "set", "1", "nonsense"], "a change must be SETTING=NUMBER or SETTING=, not 'nonsense'"),
    (["project", "rotate", "x"], "say which key to rotate: --token or --secret"),
    (["project", "rotate", "x", "--token", "--overlap", "1w"], "overlap must be a time such as 90s, 30m, 24h or 7d"),
    (["project", "create", "x", "--projects-url", "postgresql://me:hid%zz@h/x"], "cannot be read by libpq"),
    (["config", "--port", "x"], "port must be a whole number, 0 to 65535, not 'x' (from --port)"),
    (["config", "--prt", "1"], "no such option '--prt'"),
    (["config", "--config", "none.toml"], "config file none.toml cannot be read: no such file or directory"),
    (["serve", "--workers", "65"], "workers must be 0 to 64, not 65 (from --workers)"),
    (["serve", "--data-dir", "d/projects.db"], "d/projects.db cannot be used: there is a file in its place"),
    (["prject"], "no such command 'prject'"),
    (["identity", "show", "u"], "--project must name one of the projects: none yet"),
]
FAILED = [
    (["project", "identity", "Shop", "original"], "no project is named 'Shop'"),
    (["project", "set", "x", "export_concurrent_max=1"], "no project is named 'x'"),
    (["project", "show", "x"], "no project is named 'x'"),
    (["project", "rotate", "x", "--secret"], "no project is named 'x'"),
    (["project", "limits", "x"], "no project is named 'x'"),
    (["account", "revoke", "7"], "service account 7 was not found"),
    (["account", "rotate", "7"], "service account 7 was not found"),
    (["status", "--data-dir", "d"], "no server runs on"),
    (
        ["project", "list", "--projects-url", "postgresql://me:hidden@127.0.0.1:1/x"],
        "projects database postgresql://me:***@127.0.0.1:1/x failed: connection failed: "
        'connection to server at "127.0.0.1", port 1 failed: Connection refused',
    ),
]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [*((arguments, 2, message) for arguments, message in USAGE), *((each, 1, message) for each, message in FAILED)],
)
def test_error_is_one_line_on_standard_error(arguments: list[str], code: int, message: str) -> None:
    """The exit code is 2 for what is wrong with the arguments or settings, 1 for what cannot be done."""
    done = trackway(*arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith("trackway: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert "hid" not in done.stderr


def test_unknown_variable_and_broken_file_are_refused_by_every_command(elsewhere: Path) -> None:
    done = trackway("project", "list", TRACKWAY_DATADIR="x")
    assert (done.returncode, done.stderr) == (
        2,
        "trackway: unknown environment variable TRACKWAY_DATADIR; did you mean TRACKWAY_DATA_DIR?\n",
    )
    (elsewhere / "trackway.toml").write_text("port =\n")
    assert "trackway: config file trackway.toml is not valid TOML: " in trackway("project", "list").stderr


def test_file_that_is_no_database_is_refused_in_one_line(elsewhere: Path) -> None:
    (elsewhere / "trackway-data/projects.db").write_bytes(b"not a database" * 100)
    done = trackway("project", "list")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "file is not a database" in done.stderr


def test_database_locked_for_long_is_refused_in_one_line(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trackway.projects.database.SQLITE_BUSY_S_MAX", 0.1)
    printed("project", "create", "first")
    holder = sqlite3.connect(elsewhere / "trackway-data/projects.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    assert run(["project", "create", "second"]) == 1
    holder.close()
    assert run(["project", "create", "second"]) == 0


def test_config_names_every_value_and_where_it_came_from(elsewhere: Path) -> None:
    (elsewhere / "trackway.toml").write_text("workers = 3\n")
    shown = json.loads(
        printed("config", "--json", "--port", "81", "--trusted-proxies", "10.0.0.0/8", "--trusted-proxies", "::1",
                TRACKWAY_STORE_URL="http://me:hidden@h:8123/db")
    )  # fmt: skip
    assert list(shown) == list(ROWS_BY_NAME)
    assert shown["workers"] == {"value": 3, "source": "trackway.toml"}
    assert shown["port"] == {"value": 81, "source": "--port"}
    assert shown["trusted_proxies"] == {"value": ["10.0.0.0/8", "::1"], "source": "--trusted-proxies"}
    assert shown["store_url"] == {"value": "http://me:***@h:8123/db", "source": "TRACKWAY_STORE_URL"}
    assert shown["host"] == {"value": "127.0.0.1", "source": "default"}
    assert shown["data_dir"]["value"] == str(elsewhere / "trackway-data")


def test_config_for_people_masks_passwords_too() -> None:
    table = printed("config", "--no-rate-limits", TRACKWAY_STORE_URL="http://me:hidden@h/db")
    assert "hidden" not in table
    assert re.search(r"rate_limits +false +--no-rate-limits", table)
    assert all(row.name in table for row in ROWS)


def test_empty_list_on_the_command_line_wins_over_the_environment() -> None:
    shown = json.loads(printed("config", "--json", "--redirect-hosts", "", TRACKWAY_REDIRECT_HOSTS="a.example"))
    assert shown["redirect_hosts"] == {"value": [], "source": "--redirect-hosts"}


def test_version_is_that_of_the_package() -> None:
    assert printed("--version") == f"trackway {__version__}\n"


def test_module_of_the_package_is_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "trackway", "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"trackway {__version__}\n", "")
    failed = subprocess.run([sys.executable, "-m", "trackway", "no-such"], capture_output=True, text=True)
    assert (failed.returncode, failed.stdout) == (2, "")
    assert failed.stderr.startswith("trackway: ")


def all_commands(command: click.Command = cli, parent: click.Context | None = None) -> Iterator[click.Context]:
    """The context of each command, as a terminal of 80 columns gives it."""
    context = click.Context(command, info_name=command.name if parent else "trackway", parent=parent, terminal_width=80)
    yield context
    for inner in command.commands.values() if isinstance(command, click.Group) else ():
        yield from all_commands(inner, context)


@pytest.mark.parametrize("context", list(all_commands()), ids=lambda each: each.command_path)
def test_no_help_text_is_wider_than_a_terminal_of_80_columns(context: click.Context) -> None:
    assert max(map(len, context.get_help().splitlines())) <= 80


WITHOUT_JSON = {"trackway serve", "trackway store serve", "trackway reference", "trackway sql"}
"""Two go on until they are stopped; the third writes pages, and the last one has --format."""


def test_each_command_can_print_json() -> None:
    ends = [each for each in all_commands() if not isinstance(each.command, click.Group)]
    assert len(ends) > 40
    without = {each.command_path for each in ends if "--json" not in {o for p in each.command.params for o in p.opts}}
    assert without == WITHOUT_JSON


def test_options_of_serve_are_in_groups_with_each_option_once() -> None:
    text = printed("serve", "--help")
    headings = [line[:-1] for line in text.splitlines() if re.fullmatch(r"\S.*:", line)]
    assert [each for each in headings if each != OTHERS] == ["Options", *(group.heading for group in GROUPS)]
    flags = re.findall(r"^  (--[a-z-]+)", text, re.MULTILINE)
    assert len(flags) == len(set(flags)) and set(flags) == {"--config", *(row.flag for row in ROWS)}


def test_shells_complete_commands() -> None:
    assert "_trackway_completion" in printed(_TRACKWAY_COMPLETE="bash_source")
    completed = trackway(COMP_WORDS="trackway proj", COMP_CWORD="1", _TRACKWAY_COMPLETE="bash_complete")
    assert completed.stdout == "plain,project\n"


@pytest.mark.parametrize("group", [cli, *COMMAND_GROUPS.values()])
def test_no_list_of_commands_is_cut_on_a_terminal_of_80_columns(group: click.Group) -> None:
    text = group.get_help(click.Context(group, info_name="trackway", terminal_width=80))
    assert "..." not in text.replace("[ARGS]...", "")


def test_command_without_arguments_shows_its_help() -> None:
    done = trackway()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Usage: trackway [OPTIONS] COMMAND")


def test_reader_that_goes_away_is_not_an_error_worth_a_traceback() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([TRACKWAY, "config", "--json"], stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


def test_every_setting_is_a_flag_of_serve() -> None:
    options = {option for parameter in commands_by_name()["serve"].params for option in parameter.opts}
    assert {row.flag for row in ROWS} <= options


@pytest.mark.parametrize("page", ["cli", "settings", "parameters"])
def test_page_in_docs_is_what_the_program_says(page: str) -> None:
    """A process of its own writes it: click caches the help option of a command with the names that its first context
    gave, so a document made here would depend on the tests before."""
    written = printed("reference", page)
    assert (DOCS / f"{page}.md").read_text() == written, f"run: trackway reference {page} > docs/{page}.md"


def test_page_does_not_depend_on_the_width_of_the_terminal() -> None:
    assert printed("reference", "cli", COLUMNS="40") == printed("reference", "cli", COLUMNS="200")


def test_help_is_quick_to_import() -> None:
    code = "import sys, trackway.cli; print(*{'sqlalchemy', 'rich', 'structlog', 'uvicorn'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "\n"
