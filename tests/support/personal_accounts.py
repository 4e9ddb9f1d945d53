"""Personal accounts for tests: made by an invitation and its link, as people do."""

from collections.abc import Mapping
from itertools import count
from typing import NamedTuple

from tests.support.server import Server
from tests.support.web.visitor import Visit, signed_in
from trackway.projects.personal_account_changes import PersonalAccounts
from trackway.projects.roles import Role

PASSWORD = "correct horse battery"
_numbers = count(1)


class Person(NamedTuple):
    """An account as its person knows it."""

    account_id: int
    email: str
    password: str = PASSWORD

    def visit(self, server: Server) -> Visit:
        """Signed in to the pages."""
        return signed_in(server, self.email, self.password)


def people_of(server: Server) -> PersonalAccounts:
    return PersonalAccounts(server.projects)


def new_person(server: Server, roles: Mapping[int, Role], name: str = "Ann") -> Person:
    people = people_of(server)
    _, token = people.invite(f"{name.lower()}-{next(_numbers)}@example.com", roles)
    account = people.join(token, name, PASSWORD)
    return Person(account.account_id, account.username)
