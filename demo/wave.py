"""The team of moderators of the demo, and a wave of spam for them to clear:
``python -m demo --wave``, or beside a demo that runs (on a MongoDB of one's
own) ``python -m demo.wave --mongodb URI --database NAME``.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from udata_culture_feedback.feedback.actions import submit
from udata_culture_feedback.people import roles
from udata_culture_feedback.people.models import Kind
from udata_culture_feedback.people.service_account import acting_as
from udata_culture_feedback.people.viewer import Viewer
from udata_culture_feedback.web.refusals import Conflict

from .accounts import MODERATOR, find
from .catalogue import find_datasets

#: Number of texts in a wave.
TEXTS = 200

#: Datasets that a wave is about: no test counts their feedback.
WAVES_ON = 6

WORDS = (
    "Gagnez de l’argent sans rien faire : https://jackpot-{n}.example https://bonus-{n}.example "
    "https://vip-{n}.example",
    "Crédit immédiat, même interdit bancaire. Écrivez à credit{n}@facile.example",
    "Great post! Visit http://pills-{n}.example http://watches-{n}.example http://seo-{n}.example",
    "Voyance gratuite par téléphone, résultats garantis : 06 {a:02} {b:02} 78 90",
    "Votre colis {n} attend : https://colis-{n}.example/suivi",
)
NAMES = ("Casino Royal", "Crédit Facile", "Best Deals", "Médium Sérieux", "Suivi Colis")


def appoint() -> int:
    """Make the account meant for it a moderator. Return 1 where it was none, otherwise 0."""
    user = find(MODERATOR)
    if user.has_role(roles.MODERATOR):
        return 0
    roles.grant(user.id)
    return 1


def load_wave(
    count: int = TEXTS, progress: Callable[[int, int], None] = lambda done, of: None
) -> int:
    """Submit spam of that many people without an account. Return how many texts are new. Needs
    an application context."""
    public = [dataset for _id, dataset in sorted(find_datasets().items()) if not dataset.private]
    datasets = public[-WAVES_ON:]
    recorded = 0
    for n in range(count):
        dataset = datasets[n % len(datasets)]
        key = f"mail:{hashlib.sha256(f'demo wave {n}'.encode()).hexdigest()}"
        text = WORDS[n % len(WORDS)].format(n=n, a=n // 100 + 10, b=n % 100)
        payload = {
            "dataset": str(dataset.id),
            "fitness": "no",
            "comment": text,
            "name": NAMES[n % len(NAMES)],
        }
        with acting_as(None), suppress(Conflict):  # it was there already
            _feedback, new = submit(Viewer(key=key, kind=Kind.CONFIRMED), payload)
            recorded += new
        progress(n + 1, count)
    return recorded


def load(mongodb: str, database: str, texts: int) -> None:
    """Let a wave come to the portal of a database of a server."""
    from .portal import create_udata

    with tempfile.TemporaryDirectory() as state:
        app = create_udata(mongodb, database, 7000, Path(state))
        with app.app_context():
            appoint()
            print(load_wave(texts))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m demo.wave")
    parser.add_argument("--mongodb", required=True, help="the server, without a database")
    parser.add_argument("--database", required=True)
    parser.add_argument("--texts", type=int, default=TEXTS, help="how many (%(default)s)")
    options = parser.parse_args()
    load(options.mongodb, options.database, options.texts)
    return 0


if __name__ == "__main__":
    sys.exit(main())
