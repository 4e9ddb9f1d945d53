"""Snippets that send a first event, ready to paste: each has a project's token and the address of this server.

A snippet directs all requests of its client to this server, also those that it does not make: an SDK with only the
address of events sends profiles and imports to Mixpanel. A test compares the snippets with docs/sdks.md.

Values are quoted by the rules of the language, so that a host name from a browser cannot inject code.
"""

import html
import json
import shlex
from typing import NamedTuple

from trackway.edge.api import site_script


class Snippet(NamedTuple):
    """`name` is its heading, `id` its element's, and `needs` the packages to install first, or empty."""

    id: str
    name: str
    needs: str
    text: str


def snippets(token: str, address: str, *, with_script: bool) -> list[Snippet]:
    """One snippet for each frequent client. `address` is scheme, host and prefix, without a slash at its end.
    `with_script`: the server has the browser SDK for web sites."""
    scheme, _, rest = address.partition("://")
    host, slash, prefix = rest.partition("/")
    body = json.dumps([{"event": "Sign up", "properties": {"token": token, "distinct_id": "user-1", "plan": "free"}}])
    values = {"token": token, "address": address, "host": host, "prefix": slash + prefix, "scheme": scheme}
    values |= {f"{path}_url": f"{address}/{path}" for path in ("track", "engage", "groups", "import")}
    at = {name: json.dumps(value) for name, value in values.items()}
    return [
        Snippet("curl", "cURL", "", _CURL % (shlex.quote(f"{address}/track"), shlex.quote(body))),
        Snippet("python", "Python", "pip install mixpanel", _PYTHON % at),
        Snippet("node", "Node", "npm install mixpanel", _NODE % at),
        Snippet("browser", "Browser", "npm install mixpanel-browser", _BROWSER % at),
        *([Snippet("page", "Web page", "", _tag(token, address))] if with_script else []),
    ]


def _tag(token: str, address: str) -> str:
    """HTML, in which no value can end its script."""
    source = html.escape(address + site_script.PATH)
    return _TAG % {"source": source, "token": _in_script(token), "address": _in_script(address)}


def _in_script(value: str) -> str:
    """A string of JavaScript within HTML: it neither ends the script nor begins a comment."""
    return json.dumps(value).replace("</", r"<\/").replace("<!", r"\u003c!")


_CURL = """\
curl %s \\
  -H 'Content-Type: application/json' \\
  -d %s"""
_PYTHON = """\
from mixpanel import Consumer, Mixpanel

mixpanel = Mixpanel(
    %(token)s,
    Consumer(
        events_url=%(track_url)s,
        people_url=%(engage_url)s,
        groups_url=%(groups_url)s,
        import_url=%(import_url)s,
    ),
)
mixpanel.track("user-1", "Sign up", {"plan": "free"})
mixpanel.people_set("user-1", {"$name": "Ann", "plan": "free"})
mixpanel.group_set("company", "Acme", {"seats": 12})"""
_NODE = """\
const Mixpanel = require("mixpanel");

const mixpanel = Mixpanel.init(%(token)s, {
  host: %(host)s,
  protocol: %(scheme)s,
  path: %(prefix)s,
});
mixpanel.track("Sign up", { distinct_id: "user-1", plan: "free" });
mixpanel.people.set("user-1", { $name: "Ann", plan: "free" });
mixpanel.groups.set("company", "Acme", { seats: 12 });"""
_BROWSER = """\
import mixpanel from "mixpanel-browser";

mixpanel.init(%(token)s, { api_host: %(address)s });
mixpanel.identify("user-1");
mixpanel.track("Sign up", { plan: "free" });
mixpanel.people.set({ $name: "Ann", plan: "free" });
mixpanel.get_group("company", "Acme").set({ seats: 12 });"""
_TAG = """\
<script>
  window.mixpanel = window.mixpanel || Object.assign([], { __SV: 1.2, _i: [] });
</script>
<script src="%(source)s"></script>
<script>
  mixpanel.init(%(token)s, { api_host: %(address)s });
  mixpanel.track("Page opened", { plan: "free" });
</script>"""
"""Builds of the SDK for pages expect a list `mixpanel` to be there, with the version of the loader snippet."""
