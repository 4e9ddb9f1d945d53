"""Texts of people in mails: none can add a header or a line."""


def one_line(text: str) -> str:
    """The text in one line: what is not printable, such as a line separator, is a blank."""
    return "".join(each if each.isprintable() else " " for each in text)
