"""What all tables share: the metadata that name their constraints, and columns of many of them."""

from typing import Any, Final

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, MetaData, String

from trackway.projects.limits import USERNAME_CHARACTERS_MAX

metadata: Final = MetaData(
    naming_convention={
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
    }
)


def of_project() -> Column[Any]:
    """The project that a row belongs to, and goes with."""
    return Column("project_id", Integer, ForeignKey("projects.project_id", ondelete="CASCADE"), nullable=False)


def made() -> list[Column[Any]]:
    """When a saved thing was made and changed, and who made it: an account, or a key of the project without an id."""
    return [
        Column("created_at_ms", BigInteger, nullable=False),
        Column("modified_at_ms", BigInteger, nullable=False),
        Column("creator_id", Integer, nullable=True),  # no foreign key: the id stays after the creator is deleted
        Column("creator_name", String(USERNAME_CHARACTERS_MAX), nullable=False),
    ]
