"""Templates become HTML here, and nowhere else: every value is escaped, and one that is missing is an error.

Templates see `site_url(path)`, a link below `/app`, and `static_url(name)`, an asset; the filters `utc` (milliseconds
since the epoch as a time in UTC) and `grouped` (a number, its digits in groups of three);
`duration` (seconds).
"""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from trackway.settings import Settings
from trackway.web import assets, mount


def utc(time_ms: float) -> str:
    """`2026-11-23 13:49:36`, in UTC."""
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def utc_machine(time_ms: float) -> str:
    """The same for `<time datetime>`, with milliseconds."""
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def grouped(number: float) -> str:
    """`1 234 567`, with spaces that do not break."""
    return f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def duration(seconds: int) -> str:
    """`45 s`, `64 min`, `3 h`, `2 d`: the largest unit of which there are two, rounded up."""
    for unit, length_s in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length_s:
            return f"{-(-seconds // length_s)} {unit}"
    return f"{seconds} s"


def capitalize_first(text: str) -> str:
    """A message of ours as a sentence of a page."""
    return text[:1].upper() + text[1:]


_environment: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
_environment.filters.update(
    utc=utc, utc_machine=utc_machine, grouped=grouped, duration=duration, capitalize_first=capitalize_first
)


def draw(template: str, settings: Settings, status: int = 200, /, **values: Any) -> HTMLResponse:
    """A template as a response. Templates that extend `base.html` need `visitor`, `csrf`, `page` (or None) and
    `title`."""
    above = settings.path_prefix + mount.PATH
    text = _environment.get_template(template).render(
        site_url=partial(_below, above),
        static_url=lambda name: above + assets.versioned(name),
        region=settings.region,
        **values,
    )
    return HTMLResponse(text, status)


def fragment(template: str, **values: Any) -> str:
    """A part of a page, for a script to put there."""
    return _environment.get_template(template).render(**values)


def _below(above: str, path: str) -> str:
    return above + path
