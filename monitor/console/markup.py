"""HTML from values: everything that comes from records is escaped here and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Final

from monitor.alerts.words import plain

_FRAME: Final = Path(__file__).with_name("frame.html")
_STYLE: Final = Path(__file__).with_name("style.css")

Tile = tuple[str, str, str]  # what it is, its value, and what stands beside it


def document(
    *,
    brand: str,
    title: str,
    headline: str,
    lead: str,
    tiles: Iterable[Tile],
    body: str,
    footer: str,
    klass: str | None = None,
    script: str = "",
) -> str:
    """A whole page in one file that loads nothing, for light and dark, wide and narrow, screen and paper. `body` and
    `script` are HTML already, all else is text."""
    return Template(_FRAME.read_text(encoding="utf-8")).substitute(
        style=_STYLE.read_text(encoding="utf-8"),
        brand=safe(brand),
        title=safe(title),
        headline=safe(headline),
        lead=safe(lead),
        tiles="\n".join(_tile(*one) for one in tiles),
        body=body,
        footer=safe(footer),
        klass="" if klass is None else f' class="{safe(klass)}"',
        script=script,
    )


def _tile(name: str, value: str, beside: str) -> str:
    return tag("div", tag("dt", safe(name)) + tag("dd", safe(value) + tag("small", safe(beside))))


def safe(value: object) -> str:
    """Text as HTML, without control characters.

    >>> safe('<b>"x"\\x1b')
    '&lt;b&gt;&quot;x&quot;?'
    """
    return escape(plain(str(value)))


def tag(name: str, inside: str = "", /, **attributes: object) -> str:
    """An element around HTML; attributes are escaped, `klass` is class, underscores are dashes, None leaves one out.

    >>> tag("td", safe("a < b"), klass="n", data_name="model")
    '<td class="n" data-name="model">a &lt; b</td>'
    """
    names = {"klass": "class"}
    given = "".join(
        f' {names.get(key, key).replace("_", "-")}="{safe(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{given}>{inside}</{name}>"


def link(url: str, text: str) -> str:
    """A link that sends nothing along."""
    return tag("a", safe(text), href=url, rel="noreferrer")


def facts(rows: Mapping[str, str]) -> str:
    """A list of names with HTML beside them."""
    return tag("dl", "".join(tag("dt", safe(name)) + tag("dd", value) for name, value in rows.items()), klass="facts")


def table(caption: str, heads: Sequence[str], rows: Iterable[str], numeric: Sequence[str] = ()) -> str:
    """A table of rows that are HTML already, which scrolls where it is too wide; `numeric` heads stand over numbers."""
    cells = "".join(tag("th", safe(head), scope="col", klass="n" if head in numeric else None) for head in heads)
    body = tag("tbody", "\n".join(rows))
    inside = tag("caption", safe(caption)) + tag("thead", tag("tr", cells)) + body
    return tag("div", tag("table", inside, klass="dense"), klass="scroll")
