"""FROM the rows that one project has in a table: every statement reads through here, so that none reads another's.

Names of tables and conditions are text of ours. What a client sent is in bound values only.
"""

from typing import Final

PROJECT: Final = "project_id = {project:UInt32}"
GIVEN_IDS: Final = "SELECT arrayJoin(JSONExtract({ids:String}, 'Array(String)')) AS id"
"""A query's text that gives the ids that `ids` holds as a JSON list. A large array parameter takes a hundred times as
long to be read."""


def rows_in(table: str, *conditions: str, final: bool = False) -> str:
    """FROM the rows of the project that meet the conditions. `final`: of rows with one key only the newest."""
    return f"FROM {table}{' FINAL' if final else ''} WHERE {' AND '.join((PROJECT, *conditions))}"


def rows_from(query: str, alias: str = "") -> str:
    """FROM the rows that a query gives."""
    return f"FROM ({query}){f' AS {alias}' if alias else ''}"
