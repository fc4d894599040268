"""A call in Odoo's own form: HTML with our key at its end, by which it is found again."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from connector.crms.base_write import with_reference
from connector.model import Activity

_LINK = re.compile(r"https?://[^\s<]+")


def note_of(activity: Activity) -> str:
    """The mapping's `note` as HTML, with the reference as its last paragraph."""
    return _as_html(with_reference(activity.fields.get("note"), activity))


def message_of(activity: Activity) -> str:
    """The same under the mapping's `summary`, as one message tells it."""
    summary = str(activity.fields.get("summary") or "")
    return (f"<p><b>{html.escape(summary)}</b></p>" if summary else "") + note_of(activity)


def _as_html(text: str) -> str:
    """Plain text as HTML: escaped, blank line = paragraph, links made clickable."""
    paragraphs: Sequence[str] = re.split(r"\n\s*\n", html.escape(text, quote=True))
    linked = (_LINK.sub(lambda found: f'<a href="{found[0]}">{found[0]}</a>', part) for part in paragraphs)
    return "".join("<p>" + part.strip().replace("\n", "<br/>") + "</p>" for part in linked)
