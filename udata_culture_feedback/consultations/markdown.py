"""The team's Markdown as safe HTML: no images (a reader's browser contacts no other server), no raw
HTML, links to web and mail addresses only, headings below those of the page."""

from __future__ import annotations

from typing import Any

import bleach
import mistune
from markupsafe import Markup

TAGS = frozenset(
    ("a", "blockquote", "br", "code", "del", "em", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p")
) | {"pre", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul"}
ATTRIBUTES = {"a": ["href", "title"], "ol": ["start"]}
PROTOCOLS = frozenset(("http", "https", "mailto"))

#: Heading levels that the page itself uses: the first level of a text comes next.
TAKEN = 2


class Renderer(mistune.HTMLRenderer):
    """Renders HTML without what our pages must not contain."""

    def __init__(self) -> None:
        super().__init__(escape=True)

    def heading(self, text: str, level: int, **attrs: Any) -> str:
        level = min(level + TAKEN, 6)
        return f"<h{level}>{text}</h{level}>\n"

    def image(self, text: str, url: str, title: str | None = None) -> str:
        return mistune.escape(text)


_to_html = mistune.create_markdown(renderer=Renderer(), plugins=["table", "strikethrough"])


def rendered(text: str | None) -> Markup:
    """Render a text in Markdown as HTML that may be shown as it is."""
    if not text:
        return Markup("")
    html = str(_to_html(str(text)))
    clean = bleach.clean(html, tags=TAGS, attributes=ATTRIBUTES, protocols=PROTOCOLS, strip=True)
    return Markup(clean.replace("<th>", '<th scope="col">'))
