"""A udata without the plugin beside it: the installed packages, as links in a folder of their own,
with or without ours. What runs there sees nothing else, whatever this environment has."""

from __future__ import annotations

import compileall
import os
import shutil
import sysconfig
from pathlib import Path

from .environments import CHECKOUT

PACKAGE = "udata_culture_feedback"


def packages(folder: Path, *, with_plugin: bool = False) -> Path:
    """Fill `folder` with links to every installed package but the plugin; or with it, as pip
    installs it from the checkout: a copy, compiled."""
    folder.mkdir(parents=True, exist_ok=True)
    installed = Path(sysconfig.get_paths()["purelib"])
    for entry in installed.iterdir():
        if PACKAGE not in entry.name and entry.suffix != ".pth":
            (folder / entry.name).symlink_to(entry)
    if with_plugin:
        compiled = shutil.ignore_patterns("__pycache__")
        ours = shutil.copytree(CHECKOUT / PACKAGE, folder / PACKAGE, ignore=compiled)
        shutil.copytree(CHECKOUT / "translations", ours / "translations", ignore=compiled)
        compileall.compile_dir(ours, quiet=1)
        (metadata,) = installed.glob(f"{PACKAGE}*.dist-info")
        (folder / metadata.name).symlink_to(metadata)
    return folder


def surroundings(folder: Path) -> dict[str, str]:
    """Return the environment of a Python that is started with `-S`: these packages, and no
    settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("UDATA_")}
    return kept | {"PYTHONPATH": str(folder), "UDATA_SETTINGS": "/nonexistent"}
