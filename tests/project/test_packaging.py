"""What people install: the wheel has all that the plugin needs, and udata finds it there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest

pytestmark = pytest.mark.xdist_group("packaging")  # built once

CHECKOUT = Path(__file__).parents[2]
PACKAGE = "udata_culture_feedback"
#: What the build reads; the rest of a checkout (environments, caches) may be large.
SOURCES = (
    PACKAGE,
    "benchmarks",
    "docs",
    "tests",
    "translations",
    *(path.name for path in CHECKOUT.iterdir() if path.is_file()),
)

PORTAL = """
import json, sys
from importlib.metadata import entry_points, version
from udata.app import create_app, standalone
from udata.settings import Defaults
import udata_culture_feedback

class Settings(Defaults):  # what udata itself requires, and nothing of ours
    MONGODB_HOST = sys.argv[1]
    SECRET_KEY = API_TOKEN_SECRET = "not a secret"

app = standalone(create_app(override=Settings))
client = app.test_client()
P = "/api/1/culture-feedback"

def get(path):
    answer = client.get(P + path)
    return answer.status_code, answer.mimetype, answer.get_data(as_text=True)

with app.app_context():
    from udata_culture_feedback.web.embed import assets
    with app.test_request_context("/"):
        css = assets.address("widget.css").removeprefix(P)

print(json.dumps({
    "module": udata_culture_feedback.__file__,
    "version": version("udata-culture-feedback"),
    "entry points": {
        group: {e.name: e.value for e in entry_points(group=group) if "culture" in e.name}
        for group in ("udata.plugins", "udata.i18n", "udata.tasks")
    },
    "French": get("/vocabulary/?lang=fr"),
    "English": get("/vocabulary/?lang=en"),
    "loader": get("/embed.js"),
    "style": get(css),
    "commands": sorted(app.cli.commands["feedback"].list_commands(None)),
    "unknown page": get("/pages/datasets/unknown/"),
}))
"""


def build(source: Path, destination: Path, *kinds: str) -> Path:
    """Builds what `python -m build` builds, without the network, and answers the wheel."""
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", *kinds, "--outdir", destination, source],
        check=True,
        capture_output=True,
        text=True,
    )
    (wheel,) = destination.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy to build in: setuptools leaves folders behind, where it would find them again."""
    copy = tmp_path_factory.mktemp("checkout")
    for name in SOURCES:
        if (CHECKOUT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.mo")
            shutil.copytree(CHECKOUT / name, copy / name, ignore=ignored)
        elif (CHECKOUT / name).exists():
            shutil.copy2(CHECKOUT / name, copy / name)
    return copy


@pytest.fixture(scope="module")
def wheel(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZipFile]:
    """The wheel, as `python -m build` makes it: from the sdist."""
    with ZipFile(build(checkout, tmp_path_factory.mktemp("dist"))) as built:
        yield built


@pytest.fixture(scope="module")
def installed(wheel: ZipFile, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel unpacked, which is all that installing it does."""
    folder = tmp_path_factory.mktemp("site-packages")
    wheel.extractall(folder)
    return folder


def content(wheel: ZipFile) -> dict[str, int]:
    """Name → checksum of what a wheel installs."""
    return {
        entry.filename: entry.CRC
        for entry in wheel.infolist()
        if entry.filename.startswith(f"{PACKAGE}/")
    }


def start(installed: Path, folder: Path, database: str) -> dict:
    """What udata says once started in `folder` with the unpacked wheel instead of the checkout."""
    portal = subprocess.run(
        [sys.executable, "-c", PORTAL, database],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
    )
    assert portal.returncode == 0, portal.stderr
    answers: dict = json.loads(portal.stdout.splitlines()[-1])
    return answers


def test_the_wheel_has_every_file_of_the_package_and_nothing_else(checkout, wheel):
    source = {
        path.relative_to(checkout).as_posix()
        for path in (checkout / PACKAGE).rglob("*")
        if path.is_file()
    }
    translations = {
        f"{PACKAGE}/translations/{path.relative_to(checkout / 'translations').as_posix()}"
        for path in (checkout / "translations").rglob("*")
        if path.suffix in (".py", ".po")
    }
    compiled = {name.removesuffix("po") + "mo" for name in translations if name.endswith(".po")}
    assert compiled
    assert set(content(wheel)) == source | translations | compiled


def test_the_sdist_and_the_checkout_make_the_same_wheel(checkout, wheel, tmp_path):
    with ZipFile(build(checkout, tmp_path, "--wheel")) as from_checkout:
        assert content(from_checkout) == content(wheel)


def test_udata_serves_the_plugin_with_nothing_configured(installed, tmp_path, mongodb):
    said = start(installed, tmp_path, f"{mongodb}/culture-feedback-test-packaging")
    assert said["module"] == str(installed / PACKAGE / "__init__.py")
    assert said["entry points"] == {
        "udata.plugins": {"culture-feedback": PACKAGE},
        "udata.tasks": {"culture-feedback": f"{PACKAGE}.tasks"},
        "udata.i18n": {"udata-culture-feedback": f"{PACKAGE}.translations"},
    }
    for language, word in ("French", "En partie"), ("English", "Partly"):
        status, _kind, text = said[language]
        assert status == 200
        labels = [term["label"] for term in json.loads(text)["fitness"]]
        assert word in labels
    for part, kind in ("loader", "text/javascript"), ("style", "text/css"):
        status, mimetype, text = said[part]
        assert (status, mimetype) == (200, kind)
        assert text
    assert {"init", "info", "recount"} <= set(said["commands"])
    assert said["unknown page"][0] == 404
