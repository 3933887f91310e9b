"""Draws docs/images/rooms.svg from the contract of import-linter in pyproject.toml: `make docs`."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = Path(__file__).parent / "images" / "rooms.svg"

WIDTH, ROW, GAP, MARGIN = 760, 40, 18, 12


def layers() -> list[list[str]]:
    """Return the rooms of each floor, the uppermost first."""
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    floors = next(one["layers"] for one in tool["contracts"] if one["type"] == "layers")
    return [re.split(r"\s*[|:]\s*", floor) for floor in floors]


def picture() -> str:
    """Return the SVG: one row for each floor, an arrow down between them."""
    floors = layers()
    height = len(floors) * (ROW + GAP) - GAP + 2 * MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"'
        ' font-family="system-ui, sans-serif" font-size="15" text-anchor="middle">',
        "<title>Rooms, and which way they import each other</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
    ]
    for number, rooms in enumerate(floors):
        top = MARGIN + number * (ROW + GAP)
        width = (WIDTH - 2 * MARGIN - GAP * (len(rooms) - 1)) / len(rooms)
        for place, room in enumerate(rooms):
            left = MARGIN + place * (width + GAP)
            parts.append(
                f'<rect x="{left:.0f}" y="{top}" width="{width:.0f}" height="{ROW}" rx="4"'
                ' fill="#eef1fb" stroke="#3a4a8c"/>'
                f'<text x="{left + width / 2:.0f}" y="{top + 25}" fill="#161616">{room}</text>'
            )
        if number + 1 < len(floors):
            below = top + ROW
            parts.append(
                f'<path d="M{WIDTH / 2:.0f} {below + 2}v{GAP - 8}m-5 -4l5 6l5 -6" fill="none"'
                ' stroke="#3a4a8c" stroke-width="1.5"/>'
            )
    return "\n".join([*parts, "</svg>", ""])


if __name__ == "__main__":
    PAGE.write_text(picture(), encoding="utf-8")
