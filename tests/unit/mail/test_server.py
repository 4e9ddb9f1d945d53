"""The mail server of the settings."""

from pathlib import Path

import pytest

from trackway.domain.errors import ConfigError
from trackway.mail.server import MailServer, mail_server
from trackway.settings.table import Settings, masked, shown

FROM = "alerts@example.com"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.example.com", MailServer("mail.example.com", 587, False, "", "", FROM)),
        ("smtp://localhost:25", MailServer("localhost", 25, False, "", "", FROM)),
        ("smtps://mail.example.com/", MailServer("mail.example.com", 465, True, "", "", FROM)),
        ("smtp://a%40example.com:p%3Aw%40@[::1]:2525", MailServer("::1", 2525, False, "a@example.com", "p:w@", FROM)),
    ],
)
def test_a_url_names_the_server_and_the_credentials(url: str, expected: MailServer) -> None:
    assert mail_server(Settings(smtp_url=url, smtp_from=FROM)) == expected
    assert not expected.password or expected.password not in repr(expected)


def test_without_a_url_there_is_none() -> None:
    assert mail_server(Settings(smtp_from=FROM)) is None


@pytest.mark.parametrize(
    "url",
    [
        "mail.example.com",
        "http://mail.example.com",
        "smtp://",
        "smtp://h:0",
        "smtp://h:x",
        "smtp://h/a",
        "smtp://h?a=b",
    ],
)
def test_any_other_text_is_an_error_of_the_settings(url: str) -> None:
    with pytest.raises(ConfigError, match="smtp_url must be empty or a URL"):
        Settings(smtp_url=url, smtp_from=FROM)


def test_mails_need_a_sender() -> None:
    with pytest.raises(ConfigError, match="smtp_from must be set"):
        Settings(smtp_url="smtp://localhost")
    with pytest.raises(ConfigError, match="smtp_from must be empty or an address"):
        Settings(smtp_from="Alerts <a@example.com>")


@pytest.mark.parametrize("url", ["smtp://me:s3cret@h:587", "smtp://me@example.com:s3cret@h", "smtps://me:s3cret@h/x?y"])
def test_no_message_and_no_list_of_settings_shows_the_password(url: str) -> None:
    assert "s3cret" not in masked(url) + shown(url)
    assert "s3cret" not in repr(Settings(smtp_url="smtp://me:s3cret@h", smtp_from=FROM))
    if "?" in url:
        with pytest.raises(ConfigError) as refused:
            Settings(smtp_url=url, smtp_from=FROM)
        assert "s3cret" not in str(refused.value)


def test_a_file_has_the_password(tmp_path: Path) -> None:
    path = tmp_path / "password"
    settings = Settings(smtp_url="smtp://me:other@h", smtp_from=FROM, smtp_password_file=path)
    with pytest.raises(ConfigError, match="cannot be read"):
        mail_server(settings)
    for wrong in (b"", b"\n", b"a\nb", b"\xff", b"x" * 2000):
        path.write_bytes(wrong)
        with pytest.raises(ConfigError, match="smtp_password_file"):
            mail_server(settings)
    path.write_text("pass word:@\n")
    found = mail_server(settings)
    assert found and found.password == "pass word:@"
