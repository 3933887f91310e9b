"""Start the demo: ``python -m demo``; Ctrl-C ends it and everything it started."""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .mongod import MongodError, running_mongodb

if TYPE_CHECKING:
    from .portal import Portal

READY_FILE = "portal.json"
"""In the state directory while the portal answers: its address, and the sample datasets."""

PORTS_TRIED = 50
PAGES = "/api/1/culture-feedback/pages/"


def main() -> int:
    """Run the demo until Ctrl-C or SIGTERM."""
    options = _options()
    # Both signals end the demo alike, also when a shell that started us in the background ignores
    # SIGINT.
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.default_int_handler)
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    try:
        run(
            options.port,
            options.state.resolve(),
            options.database,
            reset=options.reset,
            texts=options.wave,
        )
    except KeyboardInterrupt:
        print("\nStopped.")
    except (MongodError, OSError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


def run(
    port: int, state_dir: Path, database: str | None, *, reset: bool = False, texts: int = 0
) -> None:
    """Start everything, print the addresses, and serve until interrupted (KeyboardInterrupt).
    `texts`: number of texts in the wave of spam, 0 for none."""
    state_dir.mkdir(parents=True, exist_ok=True)
    ready_file = state_dir / READY_FILE
    ready_file.unlink(missing_ok=True)  # left by a run that was killed
    with _listening(port) as listener, _mongodb(state_dir) as server_uri:
        port = listener.getsockname()[1]
        portal = _load(server_uri, database, port, state_dir, reset=reset)
        with _serving(portal, listener):
            datasets = _sample_datasets(portal)
            url = f"http://localhost:{port}"
            _print_addresses(url, datasets)
            # Whoever opens it now sees it fill up, and need not wait for all of it.
            _record(portal, state_dir, texts)
            _print_late_addresses(url, _late_request(portal), _consultations(portal))
            _write(ready_file, json.dumps({"url": url, "datasets": datasets}, indent=2))
            try:
                threading.Event().wait()
            finally:
                ready_file.unlink(missing_ok=True)


def _load(
    server_uri: str,
    database: str | None,
    port: int,
    state_dir: Path,
    *,
    reset: bool,
) -> Portal:
    """Make the portal, with its accounts and its catalogue."""
    with _step("Loading udata"):
        from . import accounts, catalogue
        from .portal import DATABASE, create_portal

        database = database or DATABASE
        if reset:
            _clear(server_uri, database, state_dir)
        portal = create_portal(server_uri, database, port, state_dir)
    with portal.udata.app_context():
        with _step("Creating the accounts") as says:
            says(accounts.load_accounts())
        with _step("Creating the catalogue") as says:
            says(catalogue.load_catalogue())
        with _step("Appointing a moderator") as says:
            from . import wave

            says(wave.appoint())
    return portal


def _record(portal: Portal, state_dir: Path, texts: int) -> None:
    """Record what people say and ask for, while the portal already answers. `texts`: number of
    texts in the wave of spam, 0 for none."""
    from .portal import MAILS

    with portal.udata.app_context():
        with _step("Recording what people think") as says:
            from .record import record_opinions

            recorded = record_opinions(_progress)
            says(recorded)
        with _step("Recording what people ask for") as says:
            from .requests import record_requests

            asked = record_requests(_progress)
            says(asked)
        with _step("Recording two consultations") as says:
            from .consultations import record_consultations

            answered = record_consultations(_progress)
            says(answered)
        if recorded or asked or answered:
            # They would bury the mails caused by trying out the demo.
            shutil.rmtree(state_dir / MAILS, ignore_errors=True)
        if texts:
            from . import wave

            with _step("Letting a wave of spam come") as says:
                says(wave.load_wave(texts, _progress))
        with _step("Telling whose answer is late"):
            from udata_culture_feedback.data_requests import upkeep

            for look in (upkeep.end_pauses, upkeep.remind_clarifications, upkeep.tell_overdue):
                look()


def _progress(done: int, of: int) -> None:
    """Print how far the longest step is, overwriting itself on a terminal."""
    if sys.stdout.isatty():
        counter = f"{done}/{of} "
        print(counter + "\b" * len(counter), end="", flush=True)


def _sample_datasets(portal: Portal) -> dict[str, dict[str, str]]:
    from .catalogue import find_datasets

    with portal.udata.app_context():
        return {
            remote_id: {"id": str(dataset.id), "slug": dataset.slug}
            for remote_id, dataset in find_datasets().items()
        }


def _late_request(portal: Portal) -> str | None:
    from .requests import showcase

    with portal.udata.app_context():
        return showcase()


def _consultations(portal: Portal) -> dict[str, str]:
    from .consultations import addresses

    with portal.udata.app_context():
        return addresses()


def _clear(server_uri: str, database: str, state_dir: Path) -> None:
    """Delete everything a previous run left."""
    from pymongo import MongoClient

    from .portal import FILES, MAILS

    client: MongoClient
    with MongoClient(server_uri) as client:
        client.drop_database(database)
    for folder in (MAILS, FILES):
        shutil.rmtree(state_dir / folder, ignore_errors=True)


@contextmanager
def _mongodb(state_dir: Path) -> Iterator[str]:
    running = running_mongodb(state_dir / "mongo")
    with _step("Starting MongoDB"):
        uri = running.__enter__()
    try:
        yield uri
    finally:
        running.__exit__(None, None, None)


@contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    """Open a socket that listens on `port` of this machine, or on the next free one; 0 is any."""
    for candidate in range(port, port + PORTS_TRIED if port else 1):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", candidate))
            listener.listen(128)
        except OSError:
            listener.close()
            continue
        with listener:
            yield listener
        return
    raise OSError(f"No free port from {port} to {port + PORTS_TRIED - 1}.")


@contextmanager
def _serving(portal: Portal, listener: socket.socket) -> Iterator[None]:
    from werkzeug.serving import make_server

    host, port = listener.getsockname()
    server = make_server(host, port, portal, threaded=True, fd=listener.fileno())
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def _step(label: str) -> Iterator[Any]:
    """Print that a step is under way, then how long it took, and how many things it created."""
    print(f"{label:.<32} ", end="", flush=True)
    created: list[int] = []
    start = time.monotonic()
    yield created.append
    count = {0: ", already there"}.get(created[0], f", {created[0]} new") if created else ""
    print(f"{time.monotonic() - start:.1f} s{count}", flush=True)


def _print_late_addresses(url: str, late: str | None, consulted: dict[str, str]) -> None:
    """Print the addresses of what has just been recorded."""
    late_request = f"  A late request    {url}{PAGES}requests/{late}/\n" if late else ""
    consultations = "".join(
        f"  {label:<17} {url}{PAGES}consultations/{consulted[name]}/{part}\n"
        for label, name, part in (
            ("A consultation", "open", ""),
            ("Results of one", "past", "results/"),
        )
        if name in consulted
    )
    print(f"\n  Everything is there.\n{late_request}{consultations}", end="")
    print("\n  Ctrl-C stops everything; what you did is kept for the next time.", flush=True)


def _print_addresses(url: str, datasets: dict[str, dict[str, str]]) -> None:
    """Print the addresses to visit, and the accounts to log in with."""
    from .accounts import NAMED, PASSWORD
    from .catalogue import SHOWCASE

    dataset = datasets[SHOWCASE]
    print(
        f"\n"
        f"  Front page        {url}/\n"
        f"  A dataset         {url}/datasets/{dataset['slug']}\n"
        f"  Its feedback      {url}{PAGES}datasets/{dataset['id']}/\n"
        f"  Requests for data {url}{PAGES}requests/\n"
        f"  Consultations     {url}{PAGES}consultations/\n"
        f"  Moderation        {url}{PAGES}moderation/\n"
        f"  Mails sent        {url}/demo/mails\n"
        f"  Parts of pages    {url}/demo/parts\n"
        f"  API               {url}/api/1/swagger.json\n"
        f"\n"
        f"  Log in on {url}/login with the password {PASSWORD} as\n"
    )
    for account in NAMED:
        print(f"  {account.email:<24}{account.name:<18}{account.part}")
    print("\n  It fills with what people say meanwhile:\n", flush=True)


def _write(path: Path, text: str) -> None:
    """Write `path` atomically: a process waiting for it never reads half of it."""
    draft = path.with_suffix(".draft")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m demo",
        description="A portal with a sample cultural catalogue and the plugin, on this machine.",
    )
    parser.add_argument("--port", type=int, default=7000, help="or the next free one (%(default)s)")
    parser.add_argument("--state", type=Path, default=Path(".demo"), help="where data are kept")
    parser.add_argument("--database", help="name of the database")
    parser.add_argument(
        "--wave", type=int, nargs="?", const=200, default=0, help="texts of spam to moderate (200)"
    )
    parser.add_argument("--reset", action="store_true", help="forget what was done before")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
