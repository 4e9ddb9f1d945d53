"""The tag for web pages: no value of a request ends its script or its attribute."""

import re

import pytest

from trackway.web.snippets import snippets


def tag(token: str, address: str) -> str:
    [text] = [each.text for each in snippets(token, address, with_script=True) if each.id == "page"]
    return text


@pytest.mark.parametrize("host", ["a</script><script>alert(1)</script>", "a<!--<script>", 'a"><script>alert(1)', "a'b"])
def test_a_host_name_cannot_end_the_script_or_the_attribute(host: str) -> None:
    text = tag("token", f"http://{host}")
    assert re.findall(r"</script|<!--", text) == ["</script"] * 3
    [source] = re.findall(r'src="([^"]*)"', text)
    assert "<" not in source and ">" not in source


def test_without_a_script_there_is_no_tag() -> None:
    assert "page" not in {each.id for each in snippets("token", "http://h", with_script=False)}
