"""The queries that a store is running."""

from trackway.store.client import Store


def running_queries(store: Store, like: str) -> int:
    sql = "SELECT count() FROM system.processes WHERE query LIKE {like:String} AND NOT query LIKE '%system.processes%'"
    return int(store.query(sql, {"like": like})[0][0])
