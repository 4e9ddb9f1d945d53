"""Where data lives: the three regions, the host names that serve them, and what a client is told who chose wrongly.

A server serves one region and a project belongs to one; data for another region is not stored (protocol §1, [M]).
"""

from typing import Final, Literal

Region = Literal["us", "eu", "in"]

REGIONS: Final[tuple[Region, ...]] = ("us", "eu", "in")
API_HOSTS: Final[dict[str, str]] = {"us": "api", "eu": "api-eu", "in": "api-in"}


def wrong_region(project_region: str, server_region: str) -> str:
    """What is said of data that was sent to `server_region`; names the right host."""
    host = API_HOSTS[project_region]
    return f"project belongs to region '{project_region}', this server to '{server_region}': send to {host}"
