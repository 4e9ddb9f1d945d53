"""The address of NATS: what the setting `journal_url` says, and what a log may show of it.

Pure. `nats://user:password@host:4222,host:4222`, or `tls://…`: all hosts are servers of one cluster.
"""

import re
from typing import Final, NamedTuple
from urllib.parse import unquote

from trackway.domain.errors import ConfigError

PORT: Final = 4222
_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(?::(\d{1,5}))?")


class Address(NamedTuple):
    """`servers`: `host:port` of each. `user` and `password` are '' where the cluster asks for none."""

    servers: tuple[str, ...]
    user: str
    password: str
    tls: bool

    @property
    def shown(self) -> str:
        """For logs and errors: no user, no password."""
        return f"{'tls' if self.tls else 'nats'}://{','.join(self.servers)}"

    @property
    def urls(self) -> list[str]:
        return [f"{'tls' if self.tls else 'nats'}://{server}" for server in self.servers]


def parse_address(url: str) -> Address:
    """Raises ConfigError, whose text has nothing of the URL: it may hold a password."""
    scheme, _, rest = url.partition("://")
    account, has_account, hosts = rest.rpartition("@")
    user, has_password, password = account.partition(":")
    if scheme not in ("nats", "tls") or (has_account and not (user and has_password and password)):
        raise ConfigError("journal_url must be a URL such as 'nats://user:password@host:4222,host:4222'")
    servers = []
    for host in hosts.rstrip("/").split(","):
        found = _HOST.fullmatch(host)
        if not found or not 0 < int(found[2] or PORT) < 65536:
            raise ConfigError("journal_url must list hosts such as 'host' or 'host:4222', separated by commas")
        servers.append(f"{found[1]}:{found[2] or PORT}")
    return Address(tuple(servers), unquote(user), unquote(password), scheme == "tls")
