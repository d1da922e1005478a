"""What every page of every room begins with: somebody is signed in, a shop is chosen, the role allows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django_htmx.middleware import HtmxDetails

from .models import Shop, User
from .roles import may

View = Callable[..., HttpResponseBase]
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


class Request(HttpRequest):
    """A request as a guarded view gets it. Never made: the middleware puts the attributes on Django's own."""

    user: User
    shop: Shop
    role: str
    htmx: HtmxDetails


@dataclass(frozen=True)
class Panel:
    """What a room shows on a page that shows many rooms."""

    template: str
    context: dict[str, Any] = field(default_factory=dict)


def page(permission: str, *, change: str | None = None) -> Callable[[View], View]:
    """Guard a view: ``permission`` to read it, ``change`` (default: the same) for every method that is not safe.

    Without a session it leads to signing in, without a shop to connecting one; without the permission it raises
    PermissionDenied (403). Inside, times are shown in the shop's zone.
    """

    def guard(view: View) -> View:
        @wraps(view)
        def guarded(request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return sign_in_first(request)
            if request.shop is None:
                return redirect("connect")
            needed = permission if request.method in SAFE_METHODS else change or permission
            if not may(request.role, needed):
                raise PermissionDenied(f"Your role in this shop, {request.role}, does not include “{needed}”.")
            with timezone.override(zone(request.shop.time_zone)):
                return view(request, *args, **kwargs)

        return guarded

    return guard


def sign_in_first(request: HttpRequest) -> HttpResponse:
    """Lead to signing in, and back here afterwards; a part of a page leads the whole page."""
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204, headers={"HX-Refresh": "true"})
    return redirect_to_login(request.get_full_path())


def zone(name: str) -> ZoneInfo:
    """The time zone of that name; UTC where the name is unknown."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")
