"""The exports that a server's store is running."""

from tests.support.profile_server import ProfileServer

_RUNNING = (
    "SELECT count() FROM system.processes WHERE query LIKE '%mp_processing_time_ms%' AND query NOT LIKE {own:String}"
)


def running_exports(server: ProfileServer) -> int:
    ((count,),) = server.store.query(_RUNNING, {"own": "%system.processes%"})
    return int(count)
