"""What a log line looks like, and that no secret is ever in one. The lines are those of a real process."""

import json
import re
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackway.telemetry.logs import MASK, mask_secrets, masked_text

CLIENT = """
import logging, sys
from trackway.telemetry import logs
log = logs.get("loader")
logs.configure(sys.argv[1], "info", "edge-0")
"""


def lines(code: str, log_format: str = "json") -> list[str]:
    """What a process that runs the code writes to standard error."""
    done = subprocess.run(
        [sys.executable, "-W", "default", "-c", CLIENT + code, log_format], capture_output=True, text=True, check=True
    )
    assert done.stdout == ""
    return done.stderr.splitlines()


def objects(code: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines(code)]


def test_json_line_has_time_level_role_logger_and_event_first() -> None:
    (line,) = lines("log.info('loaded', records=2000)")
    assert list(json.loads(line)) == ["time", "level", "role", "logger", "event", "records"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", json.loads(line).pop("time"))
    assert {**json.loads(line), "time": ""} == {
        "time": "",
        "level": "info",
        "role": "edge-0",
        "logger": "loader",
        "event": "loaded",
        "records": 2000,
    }


def test_lines_of_a_request_have_its_id_which_is_that_of_a_proxy_where_it_is_plain() -> None:
    code = """
import asyncio
from trackway.telemetry import request_id
async def handle(*headers):
    request_id.begin(headers)
    await asyncio.to_thread(log.warning, "in a thread")
    log.warning("here")
async def main():
    await asyncio.gather(handle((b"x-request-id", b"from-the.proxy")), handle((b"x-request-id", b"a b" * 99)), handle())
    log.warning("outside")
asyncio.run(main())
"""
    found = objects(code)
    assert [line["event"] for line in found if "request" not in line] == ["outside"]
    ids = [line["request"] for line in found if "request" in line]
    assert sorted(ids.count(each) for each in set(ids)) == [2, 2, 2]
    assert "from-the.proxy" in ids
    assert sum(bool(re.fullmatch("[0-9a-f]{16}", each)) for each in ids) == 4


def test_console_line_says_the_same_without_colours_in_a_pipe() -> None:
    (line,) = lines("log.warning('loaded', records=2000)", "console")
    assert re.fullmatch(r"\S+Z \[warning *\] loaded +\[loader\] records=2000 role=edge-0", line)


def test_lines_below_the_level_are_left_out() -> None:
    code = "log.debug('a'); logging.getLogger('x').debug('b'); log.info('c'); logging.getLogger('alembic').info('d')"
    assert [line["event"] for line in objects(code)] == ["c"]


def test_libraries_log_in_our_form_and_once() -> None:
    code = """
import uvicorn.config, logging.config
logging.config.dictConfig(uvicorn.config.LOGGING_CONFIG)
logs.configure("json", "info", "edge-1")
logging.getLogger("uvicorn.error").info("listening on %s", "127.0.0.1:1")
logging.getLogger("uvicorn.access").info("GET /track?token=abcdef")
import warnings; warnings.warn("old thing")
"""
    listening, access, warning = objects(code)
    assert (listening["event"], listening["logger"], listening["role"]) == (
        "listening on 127.0.0.1:1",
        "uvicorn.error",
        "edge-1",
    )
    assert access["event"] == "GET /track?token=***"
    assert (warning["level"], warning["logger"]) == ("warning", "py.warnings")


def test_forked_child_logs_under_its_own_role() -> None:
    code = """
import os
log.info("parent")
if os.fork() == 0:
    logs.configure("json", "info", "loader")
    log.info("child")
    os._exit(0)
os.wait()
"""
    assert [(line["event"], line["role"]) for line in objects(code)] == [("parent", "edge-0"), ("child", "loader")]


def test_traceback_is_logged_with_its_secrets_masked() -> None:
    code = """
try:
    raise ValueError("store http://me:hidden@h/ failed, api_secret=hidden")
except ValueError:
    log.exception("failed")
"""
    (line,) = objects(code)
    assert "ValueError: store http://me:***@h/ failed, api_secret=***" in line["exception"]
    assert "hidden" not in str(line)
    assert "hidden" not in "\n".join(lines(code, "console"))


@pytest.mark.parametrize("key", ["token", "$token", "Secret", "password", "Authorization", "api_secret", "api_key"])
def test_value_of_a_secret_key_is_masked_at_any_depth(key: str) -> None:
    event = {"event": "x", key: "hidden", "headers": [{key: b"hidden"}], "deep": {"a": ({key: ["hidden"]},)}}
    assert "hidden" not in str(mask_secrets(None, "info", event))


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("http://me:hidden@h:8123/db", "http://me:***@h:8123/db"),
        ("http://me:p@hidden@h/db", "http://me:***@h/db"),
        ("Authorization: Basic aGlkZGVu", "Authorization: Basic ***"),
        ("/track?token=hidden&ip=1", "/track?token=***&ip=1"),
        ("/import?api_secret=hidden", "/import?api_secret=***"),
        ('{"properties": {"token": "hidden", "a": 1}}', '{"properties": {"token": "***", "a": 1}}'),
        ("Password: hidden", "Password: ***"),
        ("'secret': 'hidden'}", "'secret': '***'}"),
        ("http://127.0.0.1:8080/track", "http://127.0.0.1:8080/track"),
        ("token, missing or empty", "token, missing or empty"),
        ("a basic thing", "a basic ***"),
    ],
)
def test_secrets_within_text_are_masked(text: str, masked: str) -> None:
    assert masked_text(text) == masked


def test_what_is_not_secret_is_left_as_it_is() -> None:
    event = {"event": "started", "port": 8080, "ratio": 0.5, "on": True, "none": None, "list": [1, "a"], "token": None}
    assert mask_secrets(None, "info", dict(event)) == event


def test_bottomless_value_is_cut_off() -> None:
    bottomless: dict[str, object] = {}
    bottomless["self"] = bottomless
    assert MASK in str(mask_secrets(None, "info", {"event": "x", "value": bottomless}))


@given(
    st.text("0123456789abcdef", min_size=32, max_size=32),
    st.sampled_from(["token=", "secret: ", "basic ", '"token":"']),
)
def test_any_key_of_a_project_is_masked_after_its_name(key: str, before: str) -> None:
    assert key not in masked_text(f"see {before}{key} for more")
