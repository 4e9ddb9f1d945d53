"""What a person may choose for an account."""

import pytest

from trackway.domain.errors import InvalidInput
from trackway.projects.limits import PERSON_PASSWORD_BYTES_MAX, USERNAME_CHARACTERS_MAX
from trackway.projects.personal_account import check_email, check_password, check_person_name, username_of


def test_an_address_is_kept_in_lower_case() -> None:
    assert check_email(" Ann.Lee@Example.COM ") == "ann.lee@example.com"


@pytest.mark.parametrize(
    "text",
    ["", "ann", "@example.com", "ann@", "ann@example.com\nBcc: b@example.com", "ä@example.com", "a b@example.com",
     "a@" + "b" * USERNAME_CHARACTERS_MAX],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="e-mail must be an address"):
        check_email(text)


@pytest.mark.parametrize("text", ["a" * 12, " " * 12, "ä" * 128, "correct horse battery staple"])
def test_any_twelve_characters_are_a_password(text: str) -> None:
    assert check_password(text) == text


@pytest.mark.parametrize("text", ["", "a" * 11, "ü" * 11, "a" * (PERSON_PASSWORD_BYTES_MAX + 1), "ä" * 129])
def test_a_short_or_huge_password_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"^password must be at (least|most) [0-9]+ (characters|bytes)$"):
        check_password(text)


@pytest.mark.parametrize("text", ["", "  ", "a\nb", "a" * 129])
def test_a_name_is_one_line_that_says_something(text: str) -> None:
    with pytest.raises(InvalidInput, match="name must be"):
        check_person_name(text)


def test_only_an_address_is_meant_without_regard_to_case() -> None:
    names = ["Ann@Example.com", "Nightly.3fa94c.mp-service-account", " admin ", "\u212aay@example.com"]
    assert [username_of(name) for name in names] == [
        "ann@example.com", "Nightly.3fa94c.mp-service-account", "admin", "\u212aay@example.com"
    ]  # fmt: skip
