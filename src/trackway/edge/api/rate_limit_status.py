"""`GET /api/app/rate-limits`: the state of a project's limits, for its secret and every role.

No limit counts these requests, and they are answered from memory, so a project can ask while all else is refused.
"""

import orjson

from trackway.edge.api.endpoint_shell import Asked, Command
from trackway.edge.quotas.rate_limits import RateLimits
from trackway.edge.wire.parameter_tables import RATE_LIMITS
from trackway.edge.wire.replies import JSON, Reply
from trackway.projects.roles import Right

PATH = "/api/app/rate-limits"


def rate_limit_status(rates: RateLimits) -> Command:
    async def run(asked: Asked) -> Reply:
        results = [use.told() for use in rates.uses(asked.project)]
        return Reply(200, JSON, orjson.dumps({"code": 200, "status": "OK", "results": results}))

    return Command(RATE_LIMITS, Right.LIMITS, run)
