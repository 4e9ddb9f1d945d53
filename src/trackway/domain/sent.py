"""How a try to send a message ended."""

from typing import NamedTuple


class Sent(NamedTuple):
    """How a try ended, with the reason or the status in words."""

    delivered: bool
    detail: str
