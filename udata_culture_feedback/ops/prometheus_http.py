"""Count our HTTP requests for Prometheus, where `prometheus_client` is installed: by the rule of
the route, never by the requested address, which could name a person.

Counts are per process. Where `PROMETHEUS_MULTIPROC_DIR` is set, `prometheus_client` keeps those of
all processes of a machine in files, and `merged` reads them all, each once.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from functools import cache
from typing import Any

from flask import Flask, Response, request

from ..web.urls import PREFIX

NAMES = "culture_feedback_http_"

#: Upper bounds of the histogram, in seconds.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

METHODS = frozenset(("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"))

#: In the WSGI environment: when the request came; removed once the request is counted.
_STARTED = "culture_feedback.started"


@cache
def _meters() -> tuple[Any, Any]:
    """Return the counter and the histogram of the whole process: several applications share
    them."""
    from prometheus_client import Counter, Histogram

    requests = Counter(
        f"{NAMES}requests", "HTTP requests to our routes", ["method", "route", "status"]
    )
    durations = Histogram(
        f"{NAMES}request_duration_seconds",
        "Seconds until the answer begins",
        ["route"],
        buckets=BUCKETS,
    )
    return requests, durations


def register(app: Flask) -> None:
    """Have an application count its responses at our addresses, errors included."""
    _meters()
    app.before_request(_came)
    app.after_request(_answered)


def _came() -> None:
    if request.path.startswith(f"{PREFIX}/"):
        request.environ[_STARTED] = time.perf_counter()


def _answered(response: Response) -> Response:
    # Flask calls this twice where another extension fails after the response: count once.
    started = request.environ.pop(_STARTED, None)
    if started is not None:
        requests, durations = _meters()
        route = _route()
        method = request.method if request.method in METHODS else "other"
        requests.labels(method, route, str(response.status_code)).inc()
        durations.labels(route).observe(time.perf_counter() - started)
    return response


def _route() -> str:
    """Return the rule of a request, like `/feedback/<string:id>/`; "none" where no rule of ours
    matched."""
    rule = request.url_rule.rule if request.url_rule else ""
    ours = rule.startswith(f"{PREFIX}/")  # udata's storage has a rule for any address at all
    return rule.removeprefix(PREFIX) if ours else "none"


def merged() -> Iterator[Any]:
    """Yield the metric families of all processes of this machine; none where they are not kept
    together: one process would report for itself alone, and another one at the next scrape."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return
    from prometheus_client import CollectorRegistry
    from prometheus_client.multiprocess import MultiProcessCollector

    for family in MultiProcessCollector(CollectorRegistry()).collect():
        if family.name.startswith(NAMES):
            yield family
