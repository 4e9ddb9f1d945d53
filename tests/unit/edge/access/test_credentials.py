"""Who may import and export (protocol §1): the table of `Authorization` headers against real projects."""

import asyncio
import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.edge.credentials import access_to
from tests.support.projects.migrated import migrated_file
from trackway.domain.errors import RequestError
from trackway.edge.access.credentials import Basic, ProjectKey, check_project_id, read_basic
from trackway.projects.project import Project
from trackway.projects.project_lookup import ProjectDirectory

Known = tuple[ProjectDirectory, Project, Project]


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Known]:
    path: Path = tmp_path_factory.mktemp("projects") / "projects.db"
    database = migrated_file(path)
    first, second = database.create("first", "us"), database.create("second", "us")
    directory = ProjectDirectory(path)
    assert directory.refresh()
    yield directory, first, second


def encoded(text: str | bytes) -> bytes:
    return b"Basic " + base64.b64encode(text if isinstance(text, bytes) else text.encode())


# (name, header with {secret} and {token} of the first project, what is said, None = welcome)
INVALID, NO_ACCOUNT = "Invalid credentials", "Not a valid service account username"
HEADERS: list[tuple[str, str, str | None]] = [
    ("secret", "{secret}:", None),
    ("token", "{token}:", None),
    ("secret without a colon", "{secret}", None),
    ("nothing", "", INVALID),
    ("colon alone", ":", INVALID),
    ("password alone", ":{secret}", INVALID),
    ("unknown", "f" * 32 + ":", INVALID),
    ("secret in capitals", "{secret_upper}:", INVALID),
    ("secret cut", "{secret_cut}:", INVALID),
    ("secret and a blank", "{secret} :", INVALID),
    ("service account", "user.abc123.mp-service-account:password", NO_ACCOUNT),
    ("secret with a password", "{secret}:x", NO_ACCOUNT),
    ("secret and a second colon", "{secret}::", NO_ACCOUNT),
    ("letters beyond ascii", "ü😀:", INVALID),
    ("a null", "\0:", INVALID),
]


@pytest.mark.parametrize(("name", "header", "said"), HEADERS, ids=[row[0] for row in HEADERS])
@pytest.mark.parametrize("unencoded", [False, True])
def test_credentials_open_a_project_or_are_refused(
    known: Known, name: str, header: str, said: str | None, unencoded: bool
) -> None:
    directory, first, _ = known
    access = access_to(directory)
    keys = {"secret": first.secret, "token": first.token}
    text = header.format(**keys, secret_upper=first.secret.upper() + "X", secret_cut=first.secret[:-1])
    if unencoded and ":" not in text:
        return  # without a colon it can only be base64
    value = b"Basic " + text.encode() if unencoded else encoded(text)
    if said is None:
        caller = asyncio.run(access.caller({"headers": [(b"authorization", value)]}))
        assert isinstance(caller, ProjectKey)
        assert caller.project == first
        return
    with pytest.raises(RequestError) as caught:
        asyncio.run(access.caller({"headers": [(b"authorization", value)]}))
    assert (caught.value.status, caught.value.message) == (401, said)


# Each header, and what is read from it.
READ: list[tuple[bytes, Basic | None]] = [
    (b"", None),
    (b"Basic", None),
    (b"Basic ", None),
    (b"Bearer YTpi", None),
    (b"Basic YTpi", Basic("a", "b")),
    (b"basic YTpi", Basic("a", "b")),
    (b"BASIC   YTpi  ", Basic("a", "b")),
    (b"  Basic YTpi", Basic("a", "b")),
    (b"Basic YTpiOmM=", Basic("a", "b:c")),
    (b"Basic YQ==", Basic("a", "")),
    (b"Basic a:b", Basic("a", "b")),
    (b"Basic a:b:c", Basic("a", "b:c")),
    (b"Basic a:a", Basic("a", "")),
    (b"Basic :", Basic("", "")),
    (b"Basic YQ", None),
    (b"Basic Y*==", None),
    (b"Basic \xff\xfe", None),
    (encoded(b"\xff:"), Basic("\ufffd", "")),
    (encoded("ü:ö"), Basic("ü", "ö")),
]


@pytest.mark.parametrize(("header", "basic"), READ, ids=[repr(row[0]) for row in READ])
def test_a_header_is_read(header: bytes, basic: Basic | None) -> None:
    assert read_basic(header) == basic


def test_a_request_may_name_only_the_project_of_its_credentials(known: Known) -> None:
    _, first, second = known
    check_project_id(first, {})
    check_project_id(first, {"project_id": ""})
    check_project_id(first, {"project_id": str(first.project_id)})
    for other in (str(second.project_id), f"{first.project_id}0", "x", f" {first.project_id}", f"0{first.project_id}"):
        with pytest.raises(RequestError) as caught:
            check_project_id(first, {"project_id": other})
        assert caught.value.status == 401
        assert caught.value.message == "Credentials in request did not match project_id URL parameter"
