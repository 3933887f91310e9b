"""``python -m benchmarks.dashboard``: the cost of a producer's pages, for an organization with a
thousand datasets in a seeded database. The number of commands must not depend on that of
feedback."""

from __future__ import annotations

import argparse
import uuid

from .measure import Request, count, run, session
from .processes import Processes
from .sizes import DATASET, ORGANIZATION, PRODUCER, SIZES, id_of
from .table import markdown

P = "/api/1/culture-feedback/pages"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dashboard", description=__doc__)
    parser.add_argument("--size", choices=SIZES, default="1M", help="opinions (%(default)s)")
    parser.add_argument("--rounds", type=int, default=8, help="(%(default)s)")
    options = parser.parse_args()
    size = SIZES[options.size]
    with Processes() as processes:
        processes.seed(size)
        server = processes.ready(processes.udata(size, None), "/api/1/culture-feedback/vocabulary/")
        cookies = [session(uuid.UUID(int=PRODUCER).hex)]
        pages = {
            label: Request(server, "GET", [f"{P}/{path}"], cookies=cookies)
            for label, path in addresses(
                str(id_of(ORGANIZATION, 0)), str(id_of(DATASET, 0))
            ).items()
        }
        pages["public page"] = Request(
            server, "GET", [f"{P}/organizations/{id_of(ORGANIZATION, 0)}/"]
        )
        assert processes.mongod.process
        run(pages.values(), processes.mongod.process.pid, options.rounds)
        count(pages.values(), processes.client)
    rows = [["page", "CPU ms", "MongoDB ms", "commands", "p50 ms", "kB"]]
    for label, page in pages.items():
        rows.append(
            [
                label,
                f"{page.milliseconds:.1f}",
                f"{page.database_milliseconds:.1f}",
                str(page.commands),
                f"{page.p50:.1f}",
                f"{page.sent / 1000:.1f}",
            ]
        )
    print("\n".join(markdown(rows)))


def addresses(organization: str, dataset: str) -> dict[str, str]:
    home = f"dashboard/organizations/{organization}/"
    return {
        "overview": home,
        "feedback": f"{home}inbox/",
        "feedback, waiting": f"{home}inbox/?waiting=1",
        "feedback, one dataset": f"{home}inbox/?dataset={dataset}&fitness=no",
        "feedback, words looked for": f"{home}inbox/?q=colonne",
        "feedback, four filters": f"{home}inbox/?low=completeness&profile=researcher"
        "&treatment=new&fitness=unmet",
        "requests": f"{home}requests/",
        "datasets, by priority": f"{home}datasets/",
        "datasets, by users’ view": f"{home}datasets/?axis=completeness&sort=view",
        "datasets, by age": f"{home}datasets/?sort=age",
        "datasets, with formats": f"{home}datasets/?axis=georeferencing",
    }


if __name__ == "__main__":
    main()
