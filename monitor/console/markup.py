"""HTML from values: everything that comes from records is escaped here and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Final

from monitor.alerts.words import plain

_STYLE: Final = Path(__file__).with_name("style.css")


def style() -> str:
    """The style of all pages, for light and dark, wide and narrow, screen and paper; it goes into the page itself."""
    return _STYLE.read_text(encoding="utf-8")


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
