"""Ways to send a first event, ready to be pasted: each with a project's token and the address of this server.

What comes in is quoted as the language has it, so that nothing of a host name that a browser sent leaves its place.
"""

import json
import shlex
from typing import NamedTuple


class Snippet(NamedTuple):
    """`name` heads it; `id` names its element; `needs` says what is installed first, or is empty."""

    id: str
    name: str
    needs: str
    text: str


def snippets(token: str, address: str) -> list[Snippet]:
    """One for each client that is asked for most. `address` is scheme, host and prefix, without a slash at its end."""
    scheme, _, rest = address.partition("://")
    host, slash, prefix = rest.partition("/")
    body = json.dumps([{"event": "Sign up", "properties": {"token": token, "distinct_id": "user-1", "plan": "free"}}])
    values = {"token": token, "address": address, "track": f"{address}/track"}
    values |= {"host": host, "prefix": slash + prefix, "scheme": scheme}
    at = {name: json.dumps(value) for name, value in values.items()}
    return [
        Snippet("curl", "cURL", "", _CURL % (shlex.quote(f"{address}/track"), shlex.quote(body))),
        Snippet("python", "Python", "pip install mixpanel", _PYTHON % at),
        Snippet("node", "Node", "npm install mixpanel", _NODE % at),
        Snippet("browser", "Browser", "npm install mixpanel-browser", _BROWSER % at),
    ]


_CURL = """\
curl %s \\
  -H 'Content-Type: application/json' \\
  -d %s"""
_PYTHON = """\
from mixpanel import Consumer, Mixpanel

mixpanel = Mixpanel(%(token)s, Consumer(events_url=%(track)s))
mixpanel.track("user-1", "Sign up", {"plan": "free"})"""
_NODE = """\
const Mixpanel = require("mixpanel");

const mixpanel = Mixpanel.init(%(token)s, {
  host: %(host)s,
  protocol: %(scheme)s,
  path: %(prefix)s,
});
mixpanel.track("Sign up", { distinct_id: "user-1", plan: "free" });"""
_BROWSER = """\
import mixpanel from "mixpanel-browser";

mixpanel.init(%(token)s, { api_host: %(address)s });
mixpanel.track("Sign up", { plan: "free" });"""
