"""Calls made from our part of swagger.json by schemathesis, as nobody and as who administers the
portal: whatever its types allow, and what they do not, none is an error of the server."""

from __future__ import annotations

import json
import logging
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig

from tests.cases import P

from .scene import AbuseCase, Scene

#: Calls of each operation, by role: some of what the schema allows, some of what it forbids.
EXAMPLES = 6

PROFILE = hypothesis.settings(
    max_examples=EXAMPLES,
    derandomize=True,  # the same calls each time
    database=None,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


class SchemaTest(AbuseCase):
    @pytest.mark.parametrize("role", ["anonymous", "sysadmin"])
    def test_no_call_is_an_error_of_the_server(self, role: str):
        scene = self.scene()
        wrong: list[str] = []
        operations = self.operations()
        assert len(operations) > 50
        for operation in operations:
            self.call_many(scene, role, operation, wrong)
            scene.restore()
        assert not wrong

    def operations(self) -> list[Any]:
        """Our operations of the API, as udata describes them (Swagger 2.0)."""
        swagger = self.visit("GET", "/api/1/swagger.json").json
        prefix = P.removeprefix("/api/1")
        swagger["paths"] = {
            path: described
            for path, described in swagger["paths"].items()
            if path.startswith(prefix) and "/health/" not in path  # whose 503 is its answer
        }
        assert swagger["swagger"] == "2.0"
        schema = schemathesis.openapi.from_dict(swagger, config=SchemathesisConfig())
        return [found.ok() for found in schema.get_all_operations()]

    def call_many(self, scene: Scene, role: str, operation: Any, wrong: list[str]) -> None:
        verb = operation.method.upper()
        route = operation.path.removeprefix("/culture-feedback/")
        real = scene.address(route.replace("{", "<").replace("}", ">"), verb)

        def call(case: Any, known: bool) -> None:
            path = real if known else quoted(route, case.path_parameters)
            more: dict[str, Any] = {"query_string": plain(case.query)}
            body = plain(case.body)
            if body is not None:
                data = body if isinstance(body, bytes) else json.dumps(body, default=repr)
                more |= {"data": data, "content_type": "application/json"}
            answer = scene.call(role, verb, path, **more)
            if answer.status_code >= 500:
                wrong.append(f"{role} {verb} {path} {more}: {answer.status_code}")

        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            if mode is GenerationMode.NEGATIVE and not can_be_wrong(operation):
                continue
            cases = operation.as_strategy(generation_mode=mode)
            test = hypothesis.given(case=cases, known=st.sampled_from((True, True, False)))(call)
            logging.disable(logging.CRITICAL)
            try:
                PROFILE(hypothesis.seed(20261122)(test))()
            finally:
                logging.disable(logging.NOTSET)


def can_be_wrong(operation: Any) -> bool:
    """Whether the schema forbids anything."""
    return bool(list(operation.body)) or bool(list(operation.query))


def plain(value: Any) -> Any:
    """A generated value as it is sent; None for what is not given."""
    return None if type(value).__name__ == "NotSet" or value == "" else value


def quoted(route: str, parameters: dict[str, Any] | None) -> str:
    from urllib.parse import quote

    for name, value in (parameters or {}).items():
        route = route.replace(f"{{{name}}}", quote(str(value), safe="", errors="replace") or "x")
    return route
