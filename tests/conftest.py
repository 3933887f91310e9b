"""A real mongod for the whole session, one database for each process of the run."""

from __future__ import annotations

import gc
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import freezegun
import hypothesis
import pytest

from demo.mongod import EmbeddedMongod

if TYPE_CHECKING:
    from .kept import KeptApplication

# udata would otherwise read the `udata.cfg` of the current folder.
os.environ["UDATA_SETTINGS"] = "/nonexistent"

# The driver keeps its own time: with the clock of a test it would give up its connections.
freezegun.configure(extend_ignore_list=["pymongo"])

# How long an example takes says how busy the machine is.
hypothesis.settings.register_profile(
    "patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("patient")

# udata's process holds a million objects: looking through them for garbage every 700 allocations
# takes a fifth of the run.
gc.set_threshold(100_000, 20, 100)

#: Of `tests/faults`, what `make test` runs too.
QUICK = ("__init__.py", "conftest.py", "test_documents.py")

#: What `make check` leaves to `make test`: browsers, servers, processes, everything on every route.
SLOW = (
    "abuse",
    "demo",
    "e2e",
    "faults",
    "integrations",
    "project/test_benchmarks.py",
    "project/test_packaging.py",
    "project/test_serving.py",
)

SERVER = "CULTURE_FEEDBACK_TEST_MONGODB"


@pytest.hookimpl(trylast=True)  # after udata's plugin, which points xdist workers elsewhere
def pytest_configure(config: pytest.Config) -> None:
    worker = getattr(config, "workerinput", None)
    if worker is None and SERVER not in os.environ:
        if "MONGODB_HOST" in os.environ:
            os.environ[SERVER] = os.environ["MONGODB_HOST"].rstrip("/")
        else:
            folder = tempfile.TemporaryDirectory(prefix="culture-feedback-tests-")
            mongod = EmbeddedMongod(Path(folder.name)).start()
            config.add_cleanup(folder.cleanup)
            config.add_cleanup(mongod.stop)
            config.add_cleanup(lambda: os.environ.pop(SERVER, None))
            os.environ[SERVER] = mongod.uri
    name = worker["workerid"] if worker else "main"

    from udata import settings

    settings.Testing.MONGODB_HOST_TEST = f"{os.environ[SERVER]}/culture-feedback-test-{name}"

    # As `init_app` does before it imports routes, which are documented with the kinds there are.
    from udata_culture_feedback.app import kinds

    kinds.register_all()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """`tests/faults` takes minutes and kills things: only who names it runs it. What takes seconds
    and kills nothing is part of everything."""
    faults = Path(__file__).parent / "faults"
    if collection_path.parent != faults or collection_path.name in QUICK:
        return None
    named = [(config.invocation_params.dir / arg.split("::")[0]).resolve() for arg in config.args]
    return not any(one == faults or faults in one.parents for one in named)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    slow = [here / name for name in SLOW]
    for item in items:
        if any(one == item.path or one in item.path.parents for one in slow):
            item.add_marker("slow")


@pytest.fixture(scope="session")
def kept_application() -> KeptApplication:
    from .kept import KeptApplication  # it imports udata, which reads what is configured above

    return KeptApplication()


@pytest.fixture(scope="session")
def mongodb() -> str:
    """The server of this run, without a database."""
    return os.environ[SERVER]
