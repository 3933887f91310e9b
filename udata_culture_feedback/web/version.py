"""Read the version of the installed plugin."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("udata-culture-feedback")
except PackageNotFoundError:  # a checkout that is not installed
    VERSION = "0+unknown"
