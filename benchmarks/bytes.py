"""``python -m benchmarks.bytes``: the size of a document and its indexes, for each collection of
ours in a seeded database, as reported by MongoDB (`collStats`)."""

from __future__ import annotations

import argparse
from typing import Any

from .processes import Processes
from .sizes import SIZES
from .table import markdown

#: Minimum number of documents of a collection: with fewer, the size of one means little.
ENOUGH = 500


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bytes", description=__doc__)
    parser.add_argument("--size", choices=SIZES, default="1M", help="opinions (%(default)s)")
    size = SIZES[parser.parse_args().size]
    with Processes() as processes:
        processes.seed(size)
        print("\n".join(report(processes.database(size))))


def report(database: Any) -> list[str]:
    """Print two Markdown tables: collections, and indexes."""
    collections = [
        [
            "collection",
            "documents",
            "bytes each",
            "on disk each",
            "indexes",
            "of indexes each",
            "MB",
        ]
    ]
    indexes = [["collection", "index", "bytes a document", "MB"]]
    for name in sorted(database.list_collection_names()):
        if not (name.startswith("culture_feedback_") or name in ("discussion", "user")):
            continue
        found = database.command("collStats", name)
        number = found["count"]
        if number < ENOUGH:
            continue
        collections.append(
            [
                f"`{name}`",
                f"{number:,}",
                f"{found['avgObjSize']:,.0f}",
                f"{found['storageSize'] / number:,.0f}",
                str(found["nindexes"]),
                f"{found['totalIndexSize'] / number:,.0f}",
                f"{(found['storageSize'] + found['totalIndexSize']) / 1e6:,.0f}",
            ]
        )
        if name.startswith("culture_feedback_"):
            for index, taken in sorted(found["indexSizes"].items(), key=lambda one: -one[1]):
                told = [f"`{name}`", f"`{index}`", f"{taken / number:,.1f}", f"{taken / 1e6:,.1f}"]
                indexes.append(told)
    return [*markdown(collections), "", *markdown(indexes)]


if __name__ == "__main__":
    main()
