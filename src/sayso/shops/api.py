"""What the REST part of every room begins with: scopes, problems in one shape, and pages with a cursor."""

from __future__ import annotations

import base64
import json
from http import HTTPStatus
from typing import Annotated, Any

from django.http import HttpRequest, JsonResponse
from ninja import Schema
from ninja.security import HttpBearer
from pydantic import AfterValidator, Field

from .models import ApiToken, Shop

BIGGEST = 2**63 - 1
MAX_LIMIT, DEFAULT_LIMIT = 1000, 50


def _storable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("must not contain NUL, which PostgreSQL cannot hold")
    if any("\ud800" <= character <= "\udfff" for character in text):  # JSON's \ud800 without its other half
        raise ValueError("must not contain half of a surrogate pair, which is no character")
    return text


Text = Annotated[str, AfterValidator(_storable)]
Id = Annotated[int, Field(ge=1, le=BIGGEST)]
Limit = Annotated[int, Field(ge=1, le=MAX_LIMIT, description="How many at most.")]
Cursor = Annotated[Text, Field(max_length=200, description="`next_cursor` of the page before; empty for the first.")]


class ApiRequest(HttpRequest):
    """A request as the views of the API see it."""

    shop: Shop
    api_token: ApiToken


class InvalidField(Schema):
    """One thing wrong with one field."""

    name: str = Field(description="Path of the field, with dots: `consents.0.occurred_at`.")
    code: str = Field(description="`must_not_be_empty`, `invalid_format`, `missing_parameter`, `invalid_reference` …")
    reason: str


class ProblemDetails(Schema):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    invalid_fields: list[InvalidField] | None = None


TYPES = {
    400: "message_not_readable",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "payload_too_large",
    415: "unsupported_media_type",
    422: "validation",
    429: "too_many_requests",
    500: "internal_server_error",
}


class Problem(Exception):
    """An answer that is an error: rolled back, and told as problem details."""

    def __init__(self, status: int, detail: str, *, fields: list[InvalidField] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.fields = status, detail, fields


def invalid(name: str, code: str, reason: str) -> Problem:
    """422 for one field."""
    return Problem(422, f"{name}: {reason}", fields=[InvalidField(name=name, code=code, reason=reason)])


def missing(what: str) -> Problem:
    """404: there is no such thing in the token's shop."""
    return Problem(404, f"There is no {what} in this shop.")


def problem_response(request: HttpRequest, problem: Problem) -> JsonResponse:
    """The problem as ``application/problem+json``."""
    kind = TYPES.get(problem.status, "unknown")
    document: dict[str, Any] = {
        "type": f"urn:sayso:problem:{kind}",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        "instance": request.path,
    }
    if problem.fields is not None:
        document["invalid_fields"] = [field.model_dump() for field in problem.fields]
    return JsonResponse(document, status=problem.status, content_type="application/problem+json")


class Scope(HttpBearer):
    """Lets a request pass whose token carries the permission, see :data:`sayso.shops.roles.PERMISSIONS`.

    The token itself is checked before, by :class:`sayso.api.middleware.ApiMiddleware`.
    """

    openapi_description = "A token of a shop: `sayso_<shop id>_<secret>`, made under Settings → API tokens."

    def __init__(self, permission: str) -> None:
        super().__init__()
        self.permission = permission

    def authenticate(self, request: HttpRequest, token: str) -> ApiToken:
        held: ApiToken = request.api_token  # type: ignore[attr-defined]
        if self.permission not in held.scopes:
            raise Problem(403, f"This token does not carry the scope “{self.permission}”.")
        return held


def write_cursor(*position: int | str) -> str:
    """A position as text that callers hand back unread."""
    return base64.urlsafe_b64encode(json.dumps(position, separators=(",", ":")).encode()).decode().rstrip("=")


def read_cursor(cursor: str, *kinds: type) -> list[Any] | None:
    """The position of a cursor, None for none; raises Problem for one that :func:`write_cursor` never wrote."""
    if not cursor:
        return None
    try:
        position = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError:
        position = None
    if (
        not isinstance(position, list)
        or [type(part) for part in position] != list(kinds)
        or any(isinstance(part, int) and not 0 <= part <= BIGGEST for part in position)
    ):
        raise invalid("cursor", "invalid_format", "take it from next_cursor as it is")
    return position
