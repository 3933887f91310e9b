"""Our routes are in udata's own description of its API, and break nothing of it."""

from __future__ import annotations

import json
import re
from urllib.parse import unquote

from ..cases import P, PluginTestCase

ROUTES = {
    "/feedback/": {"get", "post"},
    "/feedback/{id}/": {"get", "put", "delete"},
    "/vocabulary/": {"get"},
    "/datasets/{dataset}/summary/": {"get"},
    "/organizations/{org}/summary/": {"get"},
    "/site/summary/": {"get"},
    "/summaries/": {"get"},
}


class SwaggerTest(PluginTestCase):
    def test_our_routes_are_described(self):
        response = self.visit("GET", "/api/1/swagger.json")
        assert response.status_code == 200
        paths = response.json["paths"]
        prefix = P.removeprefix("/api/1")
        for route, verbs in ROUTES.items():
            described = paths[prefix + route]
            assert verbs <= set(described), route
            for verb in verbs:
                assert described[verb]["summary"]
                assert described[verb]["operationId"]
                assert described[verb]["tags"] == ["culture-feedback"]
        described = {a["name"] for a in paths[f"{prefix}/feedback/"]["get"]["parameters"]}
        filters = {"dataset", "organization", "resource", "consultation", "treatment", "fitness"}
        assert filters | {"profile", "outdated", "q", "sort", "page", "page_size"} <= described

    def test_every_definition_referred_to_exists(self):
        swagger = self.visit("GET", "/api/1/swagger.json").json
        links = re.findall(r'"#/definitions/([^"]+)"', json.dumps(swagger))
        referred = {unquote(link) for link in links}
        assert "CultureFeedback" in referred
        assert referred <= set(swagger["definitions"])
        operations = [
            operation["operationId"]
            for path in swagger["paths"].values()
            for operation in path.values()
            if isinstance(operation, dict)
        ]
        ours = [id for id in operations if "culture_feedback" in id]
        assert len(ours) == len(set(ours))

    def test_the_second_version_of_the_api_is_still_described(self):
        assert self.visit("GET", "/api/2/swagger.json").status_code == 200
