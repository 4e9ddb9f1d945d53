"""`GET /api/app/rate-limits`: how the limits of a project stand, for whoever has its secret.

Counted by nothing and answered from memory, so that it can be asked while everything else is refused.
"""

import orjson

from trackway import metrics
from trackway.edge.credentials import authenticate, check_project_id, check_region
from trackway.edge.http import Receive, Scope, Send, header, send_reply
from trackway.edge.parameters import read_parameters
from trackway.edge.ratelimit import RateLimits
from trackway.edge.replies import JSON, Reply, error_reply
from trackway.errors import RequestError
from trackway.projects.directory import ProjectDirectory

PATH = "/api/app/rate-limits"


class RateQueryEndpoint:
    """An ASGI application."""

    def __init__(self, directory: ProjectDirectory, rates: RateLimits, region: str):
        self._directory = directory
        self._rates = rates
        self._region = region

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            reply = self._reply(scope)
        except RequestError as error:
            reply = error_reply(error)
        await send_reply(scope, send, reply)
        metrics.request(PATH, reply.status)

    def _reply(self, scope: Scope) -> Reply:
        project = authenticate(header(scope, b"authorization"), self._directory)
        check_region(project, self._region, header(scope, b"host"))
        check_project_id(project, read_parameters(scope["query_string"]))
        results = [use.told() for use in self._rates.uses(project)]
        return Reply(200, JSON, orjson.dumps({"code": 200, "status": "OK", "results": results}))
