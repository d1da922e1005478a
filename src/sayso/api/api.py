"""The API as a whole: its rooms, its errors, its description."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError

from sayso.campaigns.api import router as campaigns
from sayso.choices.api import router as choices
from sayso.consent.api import router as consent
from sayso.consent.proof.api import router as proof
from sayso.consent.statements import router as statements
from sayso.messaging.api import router as messaging
from sayso.privacy.api import router as privacy
from sayso.shopify.api import router as sync
from sayso.shops.api import Problem, ProblemDetails, problem_response

from .activity import router as activity
from .contacts import router as contacts
from .errors import invalid_fields
from .groups import router as groups
from .merging import router as merging

DESCRIPTION = """\
Contacts, their consent and campaigns of one shop. A token belongs to a shop and sees that shop alone.

Times are ISO 8601 with an offset, amounts are strings, ids of Shopify are strings (they exceed what JSON numbers hold
exactly). Lists come in pages: hand `next_cursor` back as `cursor`. Errors are problem details (RFC 9457), and whatever
is answered with an error changed nothing. 200 requests a second a token, 10 MiB a body.
"""

COMMON_PROBLEMS = {
    "400": "The body is not JSON.",
    "401": "No live token.",
    "403": "The token lacks the scope.",
    "404": "No such thing in this shop.",
    "409": "Not possible in the present state.",
    "413": "More than 10 MiB.",
    "415": "Not JSON.",
    "422": "Something is wrong with what was sent; `invalid_fields` says what.",
    "429": "Too many requests; `Retry-After` says when to come back.",
    "500": "Our fault.",
}


class Api(NinjaAPI):
    """Adds to each operation's description the problems that any of them may answer."""

    def get_openapi_schema(self, **options: Any) -> Any:
        schema = super().get_openapi_schema(**options)
        parts = ProblemDetails.model_json_schema(ref_template="#/components/schemas/{model}")
        schema["components"]["schemas"] |= parts.pop("$defs") | {"ProblemDetails": parts}
        content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}}
        for methods in schema["paths"].values():
            for operation in methods.values():
                for status, words in COMMON_PROBLEMS.items():
                    operation["responses"].setdefault(status, {"description": words, "content": content})
        return schema


api = Api(
    title="sayso",
    version="1",
    description=DESCRIPTION,
    urls_namespace="api",
    docs_url=None,
)
for router in (
    choices, contacts, merging, groups, consent, statements, proof, activity, campaigns, messaging, privacy, sync,
):  # fmt: skip
    api.add_router("", router)


@api.exception_handler(Problem)
def _problem(request: HttpRequest, problem: Problem) -> HttpResponse:
    return problem_response(request, problem)


@api.exception_handler(Http404)
def _not_found(request: HttpRequest, error: Http404) -> HttpResponse:
    return problem_response(request, Problem(404, "There is nothing at this address."))


@api.exception_handler(HttpError)
def _http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    detail = "The body is not JSON." if error.status_code == 400 else str(error)
    return problem_response(request, Problem(error.status_code, detail))


@api.exception_handler(RequestDataTooBig)
def _too_big(request: HttpRequest, error: RequestDataTooBig) -> HttpResponse:
    return problem_response(request, Problem(413, "The body is larger than 10 MiB."))


@api.exception_handler(ValidationError)
def _invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    # ("query", "limit"), but ("body", name of the parameter, "contacts").
    fields = [
        field for one in error.errors for field in invalid_fields([one], skip=2 if one["loc"][0] == "body" else 1)
    ]
    detail = "; ".join(f"{one.name}: {one.reason}" for one in fields)
    return problem_response(request, Problem(422, detail, fields=fields))
