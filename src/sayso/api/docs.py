"""The reference of the API as a page: rendered here from its description, with no script from anywhere."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET


@require_GET
def reference(request: HttpRequest) -> HttpResponse:
    """Every operation with its parameters and what it takes and answers."""
    from .api import api

    schema = api.get_openapi_schema()
    operations = [
        {"method": method.upper(), "path": path, "body": _name(operation.get("requestBody")), **operation}
        | {"answers": _answers(operation["responses"])}
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    ]
    schemas = sorted(schema["components"]["schemas"].items())
    context = {
        "description": schema["info"]["description"],
        "operations": operations,
        "schemas": [(name, _properties(one)) for name, one in schemas if one.get("properties")],
    }
    return render(request, "api/reference.html", context)


def _name(holder: dict[str, Any] | None) -> str:
    """The schema that a body or an answer is made of."""
    content: dict[str, Any] = next(iter((holder or {}).get("content", {}).values()), {})
    return str(content.get("schema", {}).get("$ref", "")).rpartition("/")[2]


def _answers(responses: dict[Any, Any]) -> list[tuple[str, str]]:
    return [(str(status), _name(one)) for status, one in responses.items() if str(status)[0] == "2"]


def _properties(schema: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(field, type in words, description)."""
    return [
        (name, _words(one) + ("" if name in schema.get("required", []) else ", optional"), one.get("description", ""))
        for name, one in schema["properties"].items()
    ]


def _words(one: dict[str, Any]) -> str:
    if "$ref" in one:
        return one["$ref"].rpartition("/")[2]
    for several in ("anyOf", "allOf"):
        if several in one:
            return " or ".join(_words(part) for part in one[several])
    if one.get("type") == "array":
        return f"list of {_words(one.get('items', {}))}"
    if "enum" in one:
        return " | ".join(map(str, one["enum"]))
    return str(one.get("format") or one.get("type") or "anything")
