"""Regions: the three of them, their host names, and the error text for data that arrived in the wrong one.

A server serves one region and a project belongs to one region. Data for another region is not stored (protocol §1,
[M]). A host name in Mixpanel's style also names a region: `api-eu.example.com`, `data-in.example.com`,
`eu.example.com`. A name without a region (`api.example.com`, and all others) serves the region of its server, so a
single server needs no special name.

`refusal` decides, for `ingest/arrival.py` (a record, by its token), `edge/ingestion/admission.py` (a whole `/import`),
`edge/access/credentials.py` (the other endpoints) and `edge/ingestion/replays.py`.
"""

import re
from functools import lru_cache
from typing import Final, Literal

from trackway.domain.limits import HOST_BYTES_MAX, HOSTS_REMEMBERED

Region = Literal["us", "eu", "in"]

REGIONS: Final[tuple[Region, ...]] = ("us", "eu", "in")
API_HOSTS: Final[dict[str, str]] = {"us": "api", "eu": "api-eu", "in": "api-in"}
_STYLE: Final = re.compile(
    r"(?:(?P<kind>api|data)(?:-(?P<after>eu|in))?|(?P<alone>eu|in))(?P<domain>(?:\.[a-z0-9-]{1,63}){1,8})(?::[0-9]{1,5})?"
)


def is_of_another_region(host: bytes, region: str) -> bool:
    """Whether the `Host` header names a region other than this one."""
    return len(host) <= HOST_BYTES_MAX and _names_another(host, region)


@lru_cache(HOSTS_REMEMBERED)
def _names_another(host: bytes, region: str) -> bool:
    style = _style(host)
    named = style and (style["after"] or style["alone"])
    return bool(named) and named != region


def serves(server_region: str, project_region: str) -> bool:
    """Whether a server of the one region has the data of a project of the other."""
    return server_region == project_region


def refusal(project_region: str, server_region: str, host: bytes = b"", *, misled: bool = False) -> str | None:
    """The error text for data that does not belong to this server, None if it does: the project belongs to another
    region than the server, or the client is `misled`, since the `Host` header names another region. The text names the
    right host. Text of the client is in quotes."""
    if serves(server_region, project_region) and not misled:
        return None
    right, given = _right_host(project_region, host), host.decode("latin-1").lower().partition(":")[0]
    if serves(server_region, project_region):
        return f"project belongs to region '{project_region}', '{given}' does not: send to {right}"
    fault = f"project belongs to region '{project_region}', this server to '{server_region}'"
    if right == f"'{given}'":
        return f"{fault}: {right} must lead to a server of region '{project_region}'"
    return f"{fault}: send to {right}"


def _right_host(region: str, host: bytes) -> str:
    """The host of a region, in the style of the name that the client used."""
    style = _style(host)
    if style is None:
        return API_HOSTS[region]
    if style["kind"]:
        return f"'{style['kind']}{'' if region == 'us' else '-' + region}{style['domain']}'"
    return f"'{'' if region == 'us' else region + '.'}{style['domain'][1:]}'"


def _style(host: bytes) -> re.Match[str] | None:
    return None if len(host) > HOST_BYTES_MAX else _STYLE.fullmatch(host.decode("latin-1").lower())
