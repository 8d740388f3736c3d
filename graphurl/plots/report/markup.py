"""HTML that cannot be broken by what stands in it: whatever is not markup already is escaped."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

_EMPTY = ("meta", "img", "source")


class Html(str):
    """Markup; every other string is text, and is escaped where it becomes a part."""

    __slots__ = ()


def tag(name: str, /, *parts: object, **attributes: object) -> Html:
    """An element.

    Args:
        name: Such as td.
        parts: What is inside: markup as it is, everything else as text. None is left out.
        attributes: Their values are escaped; an underscore at the end of a name is dropped (class_), the others
            become hyphens.
    """
    inside = "".join(markup(part) for part in parts)
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(str(value))}"' for key, value in attributes.items()
    )
    return Html(f"<{name}{given}>" if name in _EMPTY else f"<{name}{given}>{inside}</{name}>")


def markup(part: object) -> Html:
    """A part as markup.

    Args:
        part: Markup, text, a number, or None.
    """
    return part if isinstance(part, Html) else Html("" if part is None else html.escape(str(part)))


def table(header: Sequence[object], rows: Iterable[Sequence[object]], numbers: Sequence[int] = ()) -> Html:
    """A table that scrolls where it is too wide.

    Args:
        header: Names of the columns.
        rows: Cells.
        numbers: Columns that are aligned to the right.
    """

    def line(cells: Sequence[object], kind: str) -> Html:
        styles = [{"class_": "number"} if column in numbers else {} for column in range(len(cells))]
        return tag("tr", *(tag(kind, cell, **style) for cell, style in zip(cells, styles, strict=True)))

    body = tag("table", tag("thead", line(header, "th")), tag("tbody", *(line(row, "td") for row in rows)))
    return tag("div", body, class_="wide")
