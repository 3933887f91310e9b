"""Export metrics for Prometheus, where `prometheus_client` is installed (the extra `metrics`).

One collector reads counts from the database when it is scraped, so that it does not matter which
process responds, nor how many there are. It is in the default registry of `prometheus_client`, for
operators who expose that one; `P/metrics` exposes ours alone, to clients with
`CULTURE_FEEDBACK_METRICS_TOKEN`. HTTP requests, which each process counts: `prometheus_http`.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import Any

from flask import Blueprint, Flask, Response, abort, current_app, request

from ..portal.job_runs import last_ends
from ..web.api import never_stored
from ..web.urls import PREFIX
from ..web.version import VERSION
from . import health, prometheus_http, queue_sizes

INSTALLED = find_spec("prometheus_client") is not None

#: Apart from the pages' blueprint: a bearer token here belongs to no account.
blueprint = Blueprint("culture-feedback-metrics", __name__, url_prefix=PREFIX)

#: Metric → its description, its label, and the function that reads it: label → count.
GAUGES: dict[str, tuple[str, str, Callable[[], dict[str, int]]]] = {
    "feedback": ("Feedback by treatment", "treatment", queue_sizes.treatments),
    "requests": ("Public requests by status", "status", queue_sizes.requests_by_status),
    "requests_overdue": ("Requests whose answer is late", "", lambda: {"": queue_sizes.overdue()}),
    "moderation_queue": ("What waits for moderators", "class", queue_sizes.moderation),
    "dues": ("Contributions that something has not heard of yet", "of", queue_sizes.dues),
    "mails": ("Mails that are due, wait for later, have failed", "state", queue_sizes.mails),
}


class Collector:
    """The counts of one application. `describe` returns nothing: registering must not open a
    connection."""

    def __init__(self, app: Flask) -> None:
        self.app = app

    def describe(self) -> Iterable[Any]:
        return []

    def collect(self) -> Iterator[Any]:
        from prometheus_client.core import GaugeMetricFamily

        with self.app.app_context():
            for name, (says, label, read) in GAUGES.items():
                family = GaugeMetricFamily(
                    f"culture_feedback_{name}", says, labels=[label] if label else []
                )
                for value, count in sorted(read().items()):
                    family.add_metric([value] if label else [], count)
                yield family
            ended = GaugeMetricFamily(
                "culture_feedback_job_last_end_timestamp_seconds",
                "When each job last ran to its end",
                labels=["job"],
            )
            for job, moment in sorted(last_ends().items()):
                ended.add_metric([job], _timestamp(moment))
            yield ended
            wrong = GaugeMetricFamily(
                "culture_feedback_problems", "What P/health/ finds wrong", labels=["check"]
            )
            found = [problem["check"] for problem in health.problems()]
            for check in health.CHECKS:
                wrong.add_metric([check], found.count(check))
            yield wrong
            info = GaugeMetricFamily("culture_feedback_info", "Version", labels=["version"])
            info.add_metric([VERSION], 1)
            yield info


class Merged:
    """The HTTP requests of all processes of this machine. Not in the default registry, which
    already has those of its own process."""

    def describe(self) -> Iterable[Any]:
        return []

    def collect(self) -> Iterator[Any]:
        yield from prometheus_http.merged()


#: The collector in the default registry: that of the latest application.
_registered: list[Collector] = []


def register(app: Flask) -> None:
    """Add the route, and the collector to the default registry; without `prometheus_client`, the
    route alone, which responds 404."""
    app.register_blueprint(blueprint)
    if not INSTALLED:
        return
    prometheus_http.register(app)
    from prometheus_client import REGISTRY

    if _registered:
        _registered[0].app = app
        return
    _registered.append(Collector(app))
    REGISTRY.register(_registered[0])


@blueprint.route("/metrics")
def metrics() -> Response:
    """Return our metrics, in the text format of Prometheus; 404 without the token."""
    token = current_app.config["CULTURE_FEEDBACK_METRICS_TOKEN"]
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not (INSTALLED and token and hmac.compare_digest(given.encode(), token.encode())):
        abort(404)
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

    registry = CollectorRegistry()
    registry.register(Collector(current_app._get_current_object()))  # type: ignore[attr-defined]
    registry.register(Merged())
    return never_stored(Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST))


def _timestamp(moment: datetime) -> float:
    return moment.replace(tzinfo=UTC).timestamp()
