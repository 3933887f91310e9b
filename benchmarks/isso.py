"""Isso with the same comments, written straight to its database as Isso writes them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .measure import Request
from .processes import Server


def uri(dataset: Any) -> str:
    """Return the thread of a dataset."""
    return f"/datasets/{dataset}"


def fill(server: Server, path: Path, feedback: Iterable[dict[str, Any]]) -> None:
    """Store these comments (`dataset`, `comment`, `created_at`, `contributor`) in Isso, unless it
    has them. Columns that cannot be set through its API are copied from a comment posted to it."""
    with sqlite3.connect(path) as database:
        known = database.execute("SELECT COUNT(*) FROM comments").fetchone()[0]
        if known > 1:
            return
        first = {"text": "Un premier commentaire.", "author": "Camille", "title": "Jeu"}
        Request(server, "POST", [f"/new?uri={uri('first')}"], first, status=201).ask()
        database.execute("BEGIN")
        threads: dict[Any, int] = {}
        for one in feedback:
            dataset = one["dataset"]
            if dataset not in threads:
                added = database.execute(
                    "INSERT INTO threads (uri, title) VALUES (?, ?)", (uri(dataset), "Jeu")
                )
                threads[dataset] = added.lastrowid or 0
            database.execute(
                "INSERT INTO comments (tid, created, mode, remote_addr, text, author, voters)"
                " SELECT ?, ?, mode, remote_addr, ?, ?, voters FROM comments LIMIT 1",
                (
                    threads[dataset],
                    one["created_at"].timestamp(),
                    one["comment"],
                    one["contributor"].get("name"),
                ),
            )
