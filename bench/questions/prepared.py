"""DuckDB, which holds the events as a user could prepare them: each once, with its person, its properties as columns.

It runs in this process, with as many threads as there are cores. Names and the values of properties with few values are
of an ENUM type, which DuckDB counts fastest; rows are in the order of time. Its statements, one file a question, count
by the rules of the reports (docs/reports.md).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import duckdb

from bench.questions.questions import Answer, Days, Question, answer

_STATEMENTS: Final = Path(__file__).with_name("duckdb")
_OF_FEW_VALUES: Final = (
    "event", "browser", "os", "referrer", "city", "country", "plan", "item_id", "utm_campaign",
)  # fmt: skip


class Prepared:
    """A DuckDB database in a file. To be closed."""

    def __init__(self, path: Path):
        self._connection = duckdb.connect(str(path))

    def load(self, files: Path, all_files: Path) -> None:
        """Make the table from Parquet files. `all_files` are these and the ones that `add` takes; both are globs."""
        for name in _OF_FEW_VALUES:
            values = f"SELECT DISTINCT {name} FROM read_parquet('{all_files}') WHERE {name} IS NOT NULL ORDER BY {name}"
            self._connection.execute(f"CREATE TYPE {name}_value AS ENUM ({values})")
        self._take("CREATE TABLE events AS", files)

    def add(self, files: Path) -> None:
        """Take events that arrived after the others."""
        self._take("INSERT INTO events", files)

    def count(self) -> int:
        """How many events there are."""
        ((events,),) = self._connection.execute("SELECT count(*) FROM events").fetchall()
        return int(events)

    def ask(self, question: Question, days: Days) -> Answer:
        sql = (_STATEMENTS / f"{question.name}.sql").read_text("utf-8")
        return answer(self._connection.execute(sql, days._asdict()).fetchall())

    def close(self) -> None:
        self._connection.close()

    def _take(self, how: str, files: Path) -> None:
        typed: Mapping[str, str] = {"person": "UINTEGER"} | {name: f"{name}_value" for name in _OF_FEW_VALUES}
        columns = ", ".join(f"{name}::{type_} AS {name}" for name, type_ in typed.items())
        self._connection.execute(f"{how} SELECT * REPLACE ({columns}) FROM read_parquet('{files}') ORDER BY time_ms")
        self._connection.execute("CHECKPOINT")
