"""`trackway store check`: one look at everything that may be damaged. Asks the running server, step by step.

The parts of the whole store are read first, then each project's events are held against the counts of its loads, and
its facts against its events. A server that `--url` names checks projects only.
"""

import json
from collections.abc import Sequence
from typing import Any, Final

import click

from trackway.commands.options import JSON, load_flags, print_table, printable, settings_options
from trackway.commands.progress_bar import bar
from trackway.commands.running_server import URL, Answer, Server, servers_of
from trackway.domain.errors import StateError, StorageError

FACTS_PATH: Final = "/api/app/facts"
_STORE_PATH: Final = "/api/app/store"
_EXIT_DIFFERENT: Final = 1
_HEADS: Final = ("Project", "Day", "Event", "Table", "Property", "Facts", "Events", "Difference")


@click.command("check")
@click.option("--project", "named", metavar="NAME", help="The project. [default: all]")
@settings_options("data_dir", "projects_url")
@URL
@JSON
def check(named: str | None, url: str | None, as_json: bool, **flags: Any) -> int:
    """Check that nothing is lost or damaged.

    Looks at the parts of the store, the journal, the events and the facts. Reads every part of the store. Counts
    each project's events, and compares the number with what was loaded, less what was erased. Compares the facts
    with the events, a few days at a time: the number of events of each name and day, their times, persons and
    properties; and what is derived from facts with the facts. Facts that are still being built are no fault: the
    check says how far they are. Prints each fault, and then ends with exit code 1.
    """
    servers = servers_of(load_flags(flags), named, url)
    store = _whole_store(servers[0]) if servers and servers[0].operator_key else None
    results = [_project(server) for server in servers]
    faults = len(store["faults"] if store else []) + sum(len(each["faults"]) for each in results)
    differing = sum(each["differing"] for each in results)
    if as_json:
        named_results = [
            {"project_id": server.project.project_id, "name": server.project.name} | each
            for server, each in zip(servers, results, strict=True)
        ]
        click.echo(json.dumps({"store": store, "projects": named_results}, indent=2))
    else:
        _print(servers, store, results)
        events = sum(each["events"] for each in results)
        click.echo(f"{events} events compared, {_number(differing, 'difference')}, {_number(faults, 'fault')}.")
    return _EXIT_DIFFERENT if differing or faults else 0


def _whole_store(server: Server) -> Answer:
    """Cursor, journal, faults, and the parts that were read."""
    state = server.ask("GET", _STORE_PATH)
    parts, faults = state["parts"], list(state["faults"])
    with bar("reading the store") as shown:
        done, total = 0, sum(part["size_bytes"] for part in parts)
        for part in parts:
            asked = {"table": part["table"], "part": part["name"]}
            if fault := _part_fault(server, asked):
                faults.append(f"part {part['name']} of {part['table']} cannot be read: {fault}")
            done += part["size_bytes"]
            shown(done, total)
    rows = sum(part["rows"] for part in parts)
    return {"cursor": state["cursor"], "journal": state["journal"], "parts": len(parts), "rows": rows, "faults": faults}


def _part_fault(server: Server, asked: dict[str, str]) -> str:
    try:
        return str(server.ask("GET", f"{_STORE_PATH}/part", asked)["fault"])
    except (StateError, StorageError) as error:
        return str(error)


def _project(server: Server) -> Answer:
    """The events against the loads, and what all steps of the check of facts found together."""
    found: Answer = {"faults": [], "events": 0, "differing": 0, "differences": []}
    # What cannot be read is a fault, too, and no reason to keep silent about the others.
    try:
        loads = server.ask("GET", f"{_STORE_PATH}/events")
        found |= {name: loads[name] for name in ("stored", "erased", "aged", "there", "late", "removing")}
        found["faults"] += filter(None, [loads["fault"]])
    except (StateError, StorageError) as error:
        found["faults"].append(f"events cannot be counted: {error}")
    try:
        if _facts_are_complete(server, found):
            _compare_facts(server, found)
    except (StateError, StorageError) as error:
        if not _is_being_built(server, found):
            found["faults"].append(f"facts cannot be compared: {error}")
    return found


def _facts_are_complete(server: Server, found: Answer) -> bool:
    """Whether the facts can be compared. Notes how far they are. Raises StateError and StorageError."""
    state = server.ask("GET", FACTS_PATH)
    found["facts"] = {name: state[name] for name in ("state", "percent")}
    return bool(state["state"] == "complete")


def _is_being_built(server: Server, found: Answer) -> bool:
    """Whether a comparison broke off because the facts have begun to be built anew."""
    try:
        return not _facts_are_complete(server, found)
    except (StateError, StorageError):
        return False  # the first failure is the fault


def _compare_facts(server: Server, found: Answer) -> None:
    """Add what the steps of the check find."""
    steps = server.ask("GET", f"{FACTS_PATH}/steps")["steps"]
    total, done = sum(step["events"] for step in steps), 0
    with bar(f"checking {printable(server.project.name)}") as shown:
        for step in steps:
            asked = {name: str(value) for name, value in step.items() if name != "events"}
            compared = server.ask("GET", f"{FACTS_PATH}/compare", asked)
            for name in ("events", "differing", "differences"):
                found[name] += compared[name]
            done += step["events"]
            shown(done, total)


def _print(servers: Sequence[Server], store: Answer | None, results: Sequence[Answer]) -> None:
    faults = [("", each) for each in (store["faults"] if store else [])]
    unfinished: list[tuple[str, str]] = []
    differences: list[tuple[str, ...]] = []
    for server, result in zip(servers, results, strict=True):
        name = printable(server.project.name)
        faults += [(name, each) for each in result["faults"]]
        unfinished += [(name, each) for each in _unfinished(result)]
        differences += [(name, *row) for row in _difference_rows(result)]
    if faults:
        print_table(("Project", "Fault"), faults)
    if unfinished:
        print_table(("Project", "Not checked"), unfinished)
    if differences:
        print_table(_HEADS, differences)


def _unfinished(found: Answer) -> list[str]:
    """What cannot be checked yet, because the server works on it."""
    work = ["events are being deleted: check their number again later"] if found.get("removing") else []
    facts = found.get("facts")
    if facts and facts["state"] != "complete":
        work.append(f"facts are being built ({facts['percent']} %): compare them with the events later")
    return work


def _difference_rows(found: Answer) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [
        (
            each["day"],
            printable(each["event"]),
            each["table"],
            printable(each["property"]),
            str(each["facts"]),
            str(each["events"]),
            "number" if each["facts"] != each["events"] else "content",
        )
        for each in found["differences"]
    ]
    more = found["differing"] - len(rows)
    return [*rows, ("…", f"and {more} more", "", "", "", "", "")] if more else rows


def _number(count: int, what: str) -> str:
    return f"no {what}" if not count else f"{count} {what}{'' if count == 1 else 's'}"
