"""What people should not be able to do with a text, and a reader of HTML that says whether they
did."""

from __future__ import annotations

import re
from html.parser import HTMLParser

#: Harmless texts that would be something else in HTML, JavaScript, CSS, CSV, Markdown, a template,
#: a header, or for a reader. Each fits in a title.
PAYLOADS: dict[str, str] = {
    "script": "<script>evil()</script>",
    "closing": "</textarea></title></style></script><img src=x onerror=evil()>",
    "attribute": "\" onmouseover=\"evil()\" x=' onfocus='evil()' autofocus",
    "svg": "<svg/onload=evil()><style>*{background:url(//evil.example)}</style>",
    "link": "[ici](javascript:evil()) ![x](https://evil.example/p.png) <javascript:evil()>",
    "frame": "<iframe srcdoc='<script>evil()</script>'></iframe><base href=//evil.example>",
    "template": "{{ 1337*7331 }} {% raw %} ${1337*7331} #{1337*7331} %(name)s {0.__class__}",
    "formula": "=cmd|'/c calc'!A1",
    "plus": "+evil",
    "minus": "-1+1",
    "at": "@SUM(1+1)*cmd",
    "wide": "＝1+1",
    "header": "evil\r\nSet-Cookie: evil=1\r\nBcc: evil@evil.example\r\n\r\n<script>evil()</script>",
    "entity": "&lt;script&gt;evil()&lt;/script&gt; &#x3c;script&#x3e; &amp;",
    "xml": "]]><!ENTITY evil SYSTEM 'file:///etc/passwd'><evil xmlns='x'/>",
    "turtle": '""" . <evil:a> <evil:b> "c" . \\u003cscript\\u003e \\" ',
    "bidi": "\u202eadmin\u202c\u2066\u200bz\ufeff",
}

#: Those that are tried together: a formula is one only at the beginning of a text.
GROUPS = (
    ("formula", "script", "attribute"),
    ("plus", "svg", "template"),
    ("at", "link", "entity"),
    ("minus", "closing", "xml"),
    ("wide", "frame", "turtle"),
    ("header", "bidi"),
)

#: All of them at once, for texts that may be long.
POISON = "\n".join(PAYLOADS.values())

#: What a template or a calculator would have made of `1337*7331`.
COMPUTED = "9801547"

#: Characters that show something else than what is there: never stored, so never shown.
INVISIBLE = re.compile("[\x00\u200b\u202a-\u202e\u2066-\u2069\ufeff]")

#: What our pages are made of, besides SVG of charts: nobody's text adds to it.
NEVER = frozenset(
    [
        "applet",
        "audio",
        "base",
        "embed",
        "frame",
        "iframe",
        "img",
        "marquee",
        "math",
        "object",
        "picture",
        "source",
        "style",
        "video",
    ]
)
#: Our only picture that is a file.
CODE_TO_SCAN = re.compile(
    r"[\w:/.]*/culture-feedback/pages/consultations/[\w-]+/qr\.svg(\?lang=[^<>\s]*)?"
)
ADDRESSES = ("href", "src", "action", "formaction", "data", "poster", "xlink:href", "data-url")


class Page(HTMLParser):
    """Reads a page, and collects what must never be in one of ours (`wrong`) and links to the
    places of people (`links`: address to `rel`)."""

    def __init__(self, text: str):
        super().__init__(convert_charrefs=True)
        self.wrong: list[str] = []
        self.links: list[tuple[str, str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        code_to_scan = tag == "img" and CODE_TO_SCAN.fullmatch(found.get("src", ""))
        if tag in NEVER and not (tag == "base" and [*found] == ["target"]) and not code_to_scan:
            self.wrong.append(f"<{tag}>")
        if tag == "script" and not (found.get("src") and "/culture-feedback/" in found["src"]):
            self.wrong.append("<script> of nobody's")
        if found.get("class", "").split()[:1] == ["cf-errors"] and found.get("autofocus") == "":
            del found["autofocus"]  # ours: focus goes to what is wrong
        for name, value in found.items():
            if name.startswith("on") or name in ("style", "srcdoc", "autofocus"):
                self.wrong.append(f"{tag} {name}={value}")
            if name in ADDRESSES and re.match(r"\s*(javascript|data|vbscript):", value, re.I):
                self.wrong.append(f"{tag} {name}={value}")
        if tag == "a" and "href" in found:
            self.links.append((found["href"], found.get("rel", "")))


#: The head of a report, a download that carries its styles: before anything that people wrote.
REPORT_HEAD = re.compile(r'<base href="[^"<>]*/">|<style>[^<]*</style>(?=\s*</head>)')


def wrong_in(text: str) -> list[str]:
    """What a page has that it should not, after people wrote payloads."""
    found = Page(REPORT_HEAD.sub("", text, count=2)).wrong
    if COMPUTED in text:
        found.append("a text was computed")
    if hit := INVISIBLE.search(text):
        found.append(f"invisible character {hit[0]!r}")
    return found
