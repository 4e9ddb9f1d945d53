"""The page on service accounts says what the table of roles says."""

from pathlib import Path

from trackway.projects.roles import GRANTS, RIGHTS, ROLES, SECRET_RIGHTS, TOKEN_RIGHTS, Right

PAGE = (Path(__file__).parents[3] / "docs/accounts.md").read_text()


def test_table_of_rights_is_that_of_the_code() -> None:
    held = [*(RIGHTS[role] for role in ROLES), SECRET_RIGHTS, TOKEN_RIGHTS]
    assert f"| May | {' | '.join(ROLES)} | project secret | project token |" in PAGE
    for right in Right:
        cells = "".join(" yes |" if right in rights else " |" for rights in held)
        assert f"| {right.value} |{cells}\n" in PAGE


def test_table_of_grants_is_that_of_the_code() -> None:
    for granted in (("owner", "admin"), ("analyst", "consumer")):
        cells = "".join(" yes |" if set(granted) <= GRANTS[role] else " |" for role in ROLES)
        assert f"| {', '.join(granted)} |{cells}\n" in PAGE
