"""The benchmarks' quick run, whole: every figure is there, the counts agree, and nothing is left behind.

How fast the machine is does not matter here, so no figure is held against a number.
"""

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
from bench.counts import Count
from bench.events import make_current_events, make_events
from bench.figures import FIGURES, goal_text, number_text
from bench.plan import EVENTS_PER_BATCH, Kind
from bench.questions.questions import QUESTIONS, check_equal
from bench.report import DOCUMENT, write_document

ROOT = Path(__file__).parents[3]
QUICK_S_MAX = 480
NAMES = {
    "/import", "trackway import", "/track", "/import at half load", "probes", "/engage, one profile",
    "/engage, many profiles",
    "probes without reports", "/import without reports", "probes beside reports", "/import beside reports",
    "/import without backups", "/import beside backups",
}  # fmt: skip
pytestmark = pytest.mark.timeout(QUICK_S_MAX + 60)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The results of one `python -m bench --quick`."""
    work, path = tmp_path_factory.mktemp("bench"), tmp_path_factory.mktemp("results") / "results.json"
    command = [sys.executable, "-m", "bench", "--quick", "--work-dir", str(work), "--json", str(path)]
    code, output, errors = _run(command)
    assert code == 0, errors[-4000:]
    assert str(path) in output
    assert not list(work.iterdir()), "data directories are left behind"
    left = [each for each in psutil.process_iter(["cmdline"]) if str(work) in " ".join(each.info["cmdline"] or [])]
    assert not left, f"processes are left behind: {left}"
    results: dict[str, Any] = json.loads(path.read_text())
    return results


def _run(command: list[str]) -> tuple[int, str, str]:
    """Exit code, output and errors; one that takes too long is told to stop, so that it stops its servers."""
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            output, errors = process.communicate(timeout=QUICK_S_MAX)
        except subprocess.TimeoutExpired:
            process.terminate()
            output, errors = process.communicate()
    return process.returncode, output, errors


def test_quick_run_has_every_figure_in_its_bounds_of_sense(found: dict[str, Any]) -> None:
    assert list(found["figures"]) == [figure.name for figure in FIGURES]
    for figure in FIGURES:
        values = found["figures"][figure.name]
        assert len(values["values"]) == found["plan"]["rounds"]
        assert all(math.isfinite(each) for each in values["values"]), figure.name
        assert values["lowest"] <= values["median"] <= values["highest"]
        assert values["lowest"] >= 0 if "growth" in figure.name else values["lowest"] > 0, figure.name


def test_quick_run_has_figures_that_fit_together(found: dict[str, Any]) -> None:
    median = {name: values["median"] for name, values in found["figures"].items()}
    assert median["import_queryable_rate"] <= median["import_acknowledged_rate"], "queryable only after acknowledged"
    assert median["import_queryable_ratio"] == median["import_queryable_rate"] / median["parse_rate"]
    assert 0 < median["hot_profile_ratio"] < median["hot_profile_rate"]
    assert 0 < median["wide_profiles_ratio"] < median["wide_profiles_rate"]
    assert median["profiles_loader_mb"] < median["memory_load_mb"]
    assert median["track_ratio"] == median["track_rate"] / median["bare_rate"]
    assert median["visible_p50_s"] <= median["visible_p99_s"]
    assert median["memory_idle_mb"] < median["memory_load_mb"]


def test_quick_run_asked_each_question_of_all(found: dict[str, Any]) -> None:
    assert list(found["questions"]) == [question.name for question in QUESTIONS]
    for times in found["questions"].values():
        for name in ("duckdb_s", "trackway_s", "plain_s", "newest_s"):
            assert len(times[name]) == found["plan"]["rounds"]
            assert min(times[name]) > 0
    median = {name: values["median"] for name, values in found["figures"].items()}
    assert median["questions_ratio"] <= median["question_ratio"], "a mean is no more than the highest"


def test_every_acknowledged_event_is_stored_once(found: dict[str, Any]) -> None:
    for counts in found["counts"]:
        by_name = {each["what"]: Count(**each) for each in counts}
        assert set(by_name) == NAMES
        for count in by_name.values():
            assert count.stored == count.acknowledged > 0
            assert 0 <= count.acknowledged - count.sent <= count.cut_max
        assert by_name["/import"].sent == found["events"]["count"]
        assert by_name["/import at half load"].sent % EVENTS_PER_BATCH == 0


def test_quick_run_describes_machine_and_events(found: dict[str, Any]) -> None:
    machine = found["machine"]
    assert machine["processor"] and machine["cores"] > 0 and machine["memory_bytes"] > 0
    assert machine["appends_with_fsync_per_s"] > 0
    assert machine["prepared_writes_with_fdatasync_per_s"] > 0
    assert found["events"]["bytes_per_event"] > found["events"]["gzip_bytes_per_event"] > 0


def test_results_go_into_the_marked_section_of_the_page(found: dict[str, Any], tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    before = (ROOT / DOCUMENT).read_text("utf-8")
    page.write_text(before, "utf-8")
    write_document(found, page)
    written = page.read_text("utf-8")
    head, tail = before.split("<!-- results: begin -->")[0], before.split("<!-- results: end -->")[1]
    assert written.startswith(head) and written.endswith(tail)
    assert all(f"| {figure.label} |" in written for figure in FIGURES)
    assert all(f"| {question.label} |" in written for question in QUESTIONS)


def test_page_names_every_goal() -> None:
    page = (ROOT / DOCUMENT).read_text("utf-8").split("## Goals")[1]
    for figure in FIGURES:
        if goal := goal_text(figure):
            assert goal in page, f"{figure.label}: {goal}"


@pytest.mark.parametrize("count", [Count("lost", 5, 5, 4), Count("doubled", 5, 5, 6), Count("unheard", 5, 7, 7, 1)])
def test_counts_that_do_not_agree_end_a_run(count: Count) -> None:
    with pytest.raises(RuntimeError, match="lost or doubled"):
        count.check()


@pytest.mark.parametrize("found", [{("a",): 2.0}, {("b",): 1.0}, {("a",): 1.0, ("b",): 1.0}, {}])
def test_answers_that_differ_end_a_run(found: dict[tuple[str], float]) -> None:
    with pytest.raises(RuntimeError, match="DuckDB says"):
        check_equal("sum", {("a",): 1.0}, found)


def test_equal_answers_pass_but_for_empty_ones() -> None:
    check_equal("sum", {("a",): 0.1 + 0.2}, {("a",): 0.3})
    with pytest.raises(RuntimeError, match="nothing was counted"):
        check_equal("sum", {}, {})


@pytest.mark.parametrize("kind", ["browser", "server"])
def test_events_are_unlike_one_another_and_of_every_shape(kind: Kind) -> None:
    events = make_events(kind, 0, EVENTS_PER_BATCH, EVENTS_PER_BATCH) + make_current_events(kind, 100)
    properties: list[dict[str, Any]] = [event["properties"] for event in events]
    assert len({each["$insert_id"] for each in properties}) == len(events)
    for shape in (list, dict, type(None), bool, float):
        assert any(type(value) is shape for each in properties for value in each.values()), shape
    assert any(len(value) > 255 for each in properties for value in each.values() if type(value) is str)
    assert ("$device_id" in properties[0]) == (kind == "browser")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.4821, "0.482"),
        (1.0, "1.00"),
        (57.31, "57.3"),
        (450.4, "450"),
        (1499.6, "1,500"),
        (104_321, "104,000"),
    ],
)
def test_numbers_have_three_digits_that_mean_something(value: float, text: str) -> None:
    assert number_text(value) == text
