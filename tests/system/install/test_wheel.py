"""The wheel works anywhere: installed into a fresh environment, far from the checkout, it serves events and pages."""

import json
import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.http.exchange import Request
from tests.support.server import Server, running_server
from trackway import __version__

ROOT = Path(__file__).parents[3]
SOURCE = ROOT / "src/trackway"
TAGS = ROOT / ".ci/tag-names-version"
JSON = (("Content-Type", "application/json"),)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with wheel and sdist, as `make dist` builds them."""
    place = tmp_path_factory.mktemp("dist")
    build = [str(Path(sys.executable).with_name("hatchling")), "build", "-d", str(place)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=120)
    return place


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program of a fresh environment with the wheel. Its dependencies are those that the tests have."""
    place = tmp_path_factory.mktemp("fresh") / "environment"
    venv.create(place, symlinks=True)
    python = place / "bin/python"
    [wheel] = built.glob("*.whl")
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-index", "--no-deps"]
    subprocess.run([*pip, str(wheel)], check=True, capture_output=True, timeout=120)
    [packages] = place.glob("lib/python*/site-packages")
    # A path in a .pth is added as it is, behind the environment's own, so the checkout is not among them.
    [dependencies] = Path(sys.prefix).glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text(f"{dependencies}\n")
    return place / "bin/trackway"


@pytest.fixture(scope="module")
def server(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTHONPATH", raising=False)
        patch.chdir(tmp_path_factory.mktemp("elsewhere"))
        with running_server(
            tmp_path_factory.mktemp("served") / "data", "--workers", "1", program=str(installed)
        ) as running:
            yield running


def test_event_is_acknowledged_and_exported(server: Server, installed: Path) -> None:
    with Path(f"/proc/{server.process.pid}/cmdline").open("rb") as file:
        assert str(installed).encode() in file.read()
    with Path(f"/proc/{server.process.pid}/environ").open("rb") as file:
        assert b"PYTHONPATH" not in file.read()
    body = json.dumps({"event": "Hello", "properties": {"token": server.project.token, "distinct_id": "me"}}).encode()
    assert server.ask(Request("POST", "/track", JSON, body)).body == b"1"
    assert [each["event"] for each in server.export_when(server.project, 1)] == ["Hello"]


def test_pages_have_their_templates_and_files(server: Server) -> None:
    page = server.ask(Request("GET", "/app/sign-in"))
    assert page.status == 200 and b"<form" in page.body
    for name in ("site.css", "site.js", "icon.svg"):
        reply = server.ask(Request("GET", f"/app/static/{name}"))
        assert (reply.status, reply.body) == (200, (SOURCE / "web/static" / name).read_bytes()), name


def test_wheel_has_every_file_of_the_source_and_nothing_else(built: Path) -> None:
    [wheel] = built.glob("*.whl")
    assert wheel.name == f"trackway-{__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    files = [path for path in SOURCE.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert packed == {path.relative_to(ROOT / "src").as_posix() for path in files}


def test_sdist_has_what_the_wheel_is_built_from(built: Path) -> None:
    [sdist] = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE", "src/trackway/cli.py"} <= names
    assert {path.relative_to(ROOT).as_posix() for path in SOURCE.rglob("*.html")} <= names


@pytest.mark.parametrize(
    ("tags", "code"), [([], 0), (["v1.2.3"], 0), (["v1.2.2"], 1), (["v1.2.2", "v1.2.3"], 0), (["nightly"], 0)]
)
def test_a_tag_of_another_version_stops_the_build(tmp_path: Path, tags: list[str], code: int) -> None:
    variables = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    me = [
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@example.com",
        "-c",
        "commit.gpgsign=false",
        "-c",
        "tag.gpgsign=false",
    ]

    def git(*arguments: str) -> None:
        subprocess.run(["git", *me, *arguments], cwd=tmp_path, env=variables, check=True, capture_output=True)

    git("init", "-q")
    git("commit", "-q", "--allow-empty", "-m", "first")
    for tag in tags:
        git("tag", tag)
    done = subprocess.run([TAGS, "1.2.3"], cwd=tmp_path, env=variables, capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    assert ("v1.2.2" in done.stderr and "1.2.3" in done.stderr) == bool(code)


def test_no_tag_can_be_asked_for_outside_of_git(tmp_path: Path) -> None:
    subprocess.run([TAGS, "1.2.3"], cwd=tmp_path, env={**os.environ, "GIT_CEILING_DIRECTORIES": "/"}, check=True)
