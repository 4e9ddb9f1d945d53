"""`GET /api/app/rate-limits`: how the limits of a project stand, for its secret and every role.

Counted by nothing and answered from memory, so that it can be asked while everything else is refused.
"""

import orjson

from trackway import metrics
from trackway.edge.credentials import Access
from trackway.edge.http import Receive, Scope, Send, send_reply
from trackway.edge.ratelimit import RateLimits
from trackway.edge.replies import JSON, Reply, error_reply
from trackway.errors import RequestError
from trackway.projects.roles import Right

PATH = "/api/app/rate-limits"


class RateQueryEndpoint:
    """An ASGI application."""

    def __init__(self, access: Access, rates: RateLimits):
        self._access = access
        self._rates = rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            reply = await self._reply(scope)
        except RequestError as error:
            reply = error_reply(error)
        await send_reply(scope, send, reply)
        metrics.request(PATH, reply.status)

    async def _reply(self, scope: Scope) -> Reply:
        project, _ = await self._access.asked(scope, Right.LIMITS)
        results = [use.told() for use in self._rates.uses(project)]
        return Reply(200, JSON, orjson.dumps({"code": 200, "status": "OK", "results": results}))
