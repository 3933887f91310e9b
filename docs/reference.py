"""Writes `reference.md`, every route of our JSON API, from udata's own description of it
(`swagger.json`), which needs a database: `python -m docs.reference` (or `make docs`)."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from udata.app import create_app, standalone
from udata.settings import Testing

from demo.mongod import EmbeddedMongod

PAGE = Path(__file__).with_name("reference.md")
PREFIX = "/culture-feedback"
HEAD = """# API reference

Written by `docs/reference.py` from `/api/1/swagger.json`, where udata describes its own. `P`
is `/api/1/culture-feedback`; [api.md](api.md) explains what the tables below only list. Bodies are
JSON; an error answers `{"message", "errors"}`.
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, EmbeddedMongod(Path(folder, "mongo")) as mongod:
        PAGE.write_text(written(*described(mongod.uri)), encoding="utf-8")
    print(f"{PAGE.name} written")


def described(mongodb: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Our routes in swagger.json: path → verb → what it says; and its schemas by name."""

    class Settings(Testing):
        MONGODB_HOST = f"{mongodb}/reference"
        PLUGINS = ["culture-feedback"]
        SERVER_NAME = "portal.example"

    app = standalone(create_app(override=Settings))
    with app.test_client() as client:
        swagger = client.get("/api/1/swagger.json", base_url="http://portal.example").json
    ours = {
        path.removeprefix(PREFIX): verbs
        for path, verbs in sorted(swagger["paths"].items())
        if path.startswith(PREFIX)
    }
    return ours, swagger["definitions"]


def written(paths: dict[str, Any], schemas: dict[str, Any]) -> str:
    lines = [HEAD]
    for path, verbs in paths.items():
        lines.append(f"## `P{path}`\n")
        shared = verbs.get("parameters", [])
        for verb, operation in verbs.items():
            if verb == "parameters":
                continue
            lines.append(f"**{verb.upper()}** {_line(operation.get('summary'))}\n")
            if more := _line(operation.get("description")):
                lines.append(f"{more}\n")
            parameters = [
                p for p in (*shared, *operation.get("parameters", [])) if p["in"] != "header"
            ]
            if parameters:
                lines += ["| parameter | in | type | meaning |", "|---|---|---|---|"]
                lines += [_row(parameter) for parameter in parameters if "schema" not in parameter]
                lines += [row for one in parameters for row in _body(one, schemas)]
                lines.append("")
            answers = ", ".join(
                f"{status} {_line(answer.get('description')) or ''}".strip()
                for status, answer in sorted(operation.get("responses", {}).items())
            )
            lines.append(f"Answers: {answers}.\n" if answers else "")
    return "\n".join(lines).rstrip() + "\n"


def _body(parameter: dict[str, Any], schemas: dict[str, Any]) -> list[str]:
    """The fields of a body, a row each."""
    schema = schemas.get(parameter.get("schema", {}).get("$ref", "").rpartition("/")[2], {})
    required = schema.get("required", ())
    return [
        _row(
            {"name": name, "in": "body", "required": name in required}
            | field
            | {"type": _type(field)}
        )
        for name, field in schema.get("properties", {}).items()
    ]


def _type(field: dict[str, Any]) -> str:
    if field.get("type") == "array":
        return f"list of {_type(field.get('items', {}))}"
    return field.get("type") or field.get("$ref", "JSON").rpartition("/")[2]


def _row(parameter: dict[str, Any]) -> str:
    kind = parameter.get("type") or "JSON"
    if parameter.get("enum"):
        kind = " · ".join(f"`{value}`" for value in parameter["enum"])
    name = f"`{parameter['name']}`" + (" (required)" if parameter.get("required") else "")
    meaning = _line(parameter.get("description")) or ""
    return f"| {name} | {parameter['in']} | {kind} | {meaning} |"


def _line(text: str | None) -> str:
    """A text on one line, safe in a table."""
    return " ".join((text or "").split()).replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    main()
