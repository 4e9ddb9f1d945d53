"""docs/scale.md says of every table where it is on one machine and on several."""

from tests.support.docs.state_table import named
from trackway.projects.tables import metadata
from trackway.store.sharding import EVERYWHERE, SHARDING


def test_every_table_of_the_projects_database_is_in_the_page_about_state() -> None:
    assert {*metadata.tables, "alembic_version"} - named() == set()


def test_every_table_of_the_store_is_in_the_page_about_state() -> None:
    assert {*SHARDING, *EVERYWHERE} - named() == set()
