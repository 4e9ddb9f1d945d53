"""Requests of commands on the server's own machine, which show a key of its data directory (`runtime.operator_key`)."""

from hmac import compare_digest

from trackway.edge.wire.asgi import Scope, header
from trackway.runtime.operator_key import OPERATOR_HEADER

_NAME = OPERATOR_HEADER.encode()


class Operator:
    """Knows the key of this run of the server. Without a key nobody is the operator."""

    def __init__(self, key: str = ""):
        self._key = key.encode()

    def sent(self, scope: Scope) -> bool:
        """Whether the operator sent a request. It still needs credentials."""
        given = header(scope, _NAME)
        return bool(given) and bool(self._key) and compare_digest(given, self._key)
