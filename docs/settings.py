"""Writes the settings into `operators.md` from the comments of `settings.py`, where each is
documented: `python docs/settings.py` (or `make docs`). A test tells when it has to be run."""

from __future__ import annotations

import re
from pathlib import Path

from udata_culture_feedback import settings

PAGE = Path(__file__).with_name("operators.md")
START, END = "<!-- settings: written by docs/settings.py -->\n", "<!-- end of settings -->\n"

HEADER = ("| setting | default | meaning |", "|---|---|---|")

SECTION = re.compile(r"# --- (.+?) -+$")
SETTING = re.compile(r"(CULTURE_FEEDBACK_\w+)\b")


def written() -> str:
    """The settings in Markdown: a table for each section of `settings.py`."""
    lines: list[str] = []
    comment: list[str] = []
    for line in Path(settings.__file__).read_text(encoding="utf-8").splitlines():
        if section := SECTION.match(line):
            lines += [
                "",
                f"### {section[1]}",
                "",
                "| setting | default | meaning |",
                "|---|---|---|",
            ]
        elif line.startswith("#:"):
            comment.append(line.removeprefix("#:").strip())
        elif setting := SETTING.match(line):
            default = getattr(settings, setting[1])
            # One comment may stand for the settings that follow it at once.
            meaning = " ".join(comment) or "(the same)"
            lines.append(f"| `{setting[1]}` | `{default!r}` | {meaning} |")
            comment = []
    return "\n".join([*lines, "", ""])


def page() -> str:
    """`operators.md` as it should be."""
    text = PAGE.read_text(encoding="utf-8")
    head, _, rest = text.partition(START)
    _, _, tail = rest.partition(END)
    return head + START + written() + END + tail


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
