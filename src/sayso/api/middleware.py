"""The edge of the API: who calls, how often, how much; one transaction a request, and every error in one shape."""

from __future__ import annotations

import math
from collections.abc import Callable

from django.db import transaction
from django.http import HttpRequest, HttpResponse

from sayso.shops import tokens
from sayso.shops.api import Problem, problem_response
from sayso.shops.models import Shop
from sayso.shops.tenancy import enter_shop

from .limits import Buckets

PREFIX = "/api/"
OPEN = {"/api/v1/openapi.json", "/api/v1/docs"}
"""What anybody may read: it says nothing about a shop."""

MAX_BODY = 10 * 2**20
"""Bytes. ``DATA_UPLOAD_MAX_MEMORY_SIZE`` is the same, for bodies that lie about their length."""

WORDS = {
    404: "There is nothing at this address.",
    405: "This address does not know that method.",
    500: "Something went wrong here. It is logged, and nothing was changed.",
}


class ApiMiddleware:
    """Wraps everything under ``/api/``: the bearer token names the shop, the transaction is the shop's, and whatever is
    answered as an error is rolled back."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.buckets = Buckets()

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith(PREFIX):
            return self.get_response(request)
        try:
            if request.path in OPEN:
                return self._shaped(request, self.get_response(request))
            shop = self._admit(request)
            with transaction.atomic():
                enter_shop(shop.pk)
                response = self._shaped(request, self.get_response(request))
                if response.status_code >= 400:
                    transaction.set_rollback(True)
                return response
        except Problem as problem:
            response = problem_response(request, problem)
            if problem.status == 401:
                response["WWW-Authenticate"] = 'Bearer realm="sayso"'
            if isinstance(problem, TooMany):
                response["Retry-After"] = str(problem.seconds)
            return response

    def _admit(self, request: HttpRequest) -> Shop:
        """The shop of the caller. Sets ``request.shop`` and ``request.api_token``; raises Problem for a caller or a body
        that we do not take."""
        scheme, _, plain = request.headers.get("Authorization", "").partition(" ")
        found = tokens.authenticate(plain.strip()) if scheme.lower() == "bearer" else None
        if found is None:
            raise Problem(401, "Send a live token of a shop as “Authorization: Bearer sayso_…”.")
        shop, token = found
        vars(request).update(shop=shop, api_token=token)  # as sayso.shops.api.ApiRequest has them
        if wait := self.buckets.take(token.pk):
            raise TooMany(wait)
        length = request.META.get("CONTENT_LENGTH") or "0"
        size = int(length) if length.isdecimal() else 0
        if size > MAX_BODY:
            raise Problem(413, f"The body may have {MAX_BODY // 2**20} MiB at most.")
        if size and request.content_type != "application/json":
            raise Problem(415, "Send the body as application/json.")
        return shop

    def _shaped(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Errors that Django or the router made in their own words, in ours."""
        if response.status_code < 400 or response.get("Content-Type", "").startswith("application/problem+json"):
            return response
        shaped = problem_response(
            request, Problem(response.status_code, WORDS.get(response.status_code, response.reason_phrase))
        )
        for name in ("Allow", "Retry-After"):
            if name in response:
                shaped[name] = response[name]
        return shaped


class TooMany(Problem):
    """429; ``seconds`` until the next request is welcome."""

    def __init__(self, seconds: float) -> None:
        super().__init__(429, "More than 200 requests a second with one token. Slow down.")
        self.seconds = math.ceil(seconds)
