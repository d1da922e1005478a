"""Signing in by link, and the token of the live stream."""

from __future__ import annotations

from allauth.account.utils import perform_login
from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from sayso.events import live
from sayso.shops.pages import Request, page
from sayso.ui import signin_links


@never_cache
@require_http_methods(["GET", "POST"])
def sign_in_link(request: Request, token: str) -> HttpResponse:
    """GET shows a button and uses nothing up; POST signs in, through a second factor where the account has one."""
    try:
        if request.method == "POST":
            user = signin_links.consume(token)
            return perform_login(request, user, email_verification="none", redirect_url="/")
        person = signin_links.inspect(token)
    except signin_links.LinkRefused as refused:
        return render(request, "ui/sign_in_link.html", {"refused": str(refused)}, status=410)
    return render(request, "ui/sign_in_link.html", {"person": person})


@never_cache
@require_GET
@page("contacts.view")
def live_token(request: Request) -> JsonResponse:
    """A fresh token for ``/live``, for the page that is open."""
    return JsonResponse({"token": live.issue(request.user.pk, request.shop.pk)})
