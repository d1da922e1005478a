"""Settings → Shopify: the connection, how fresh its data is, imports; and connecting a store."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from sayso.consent import settings as consent_settings
from sayso.shops.models import Membership, ProviderApp, Shop
from sayso.shops.pages import Request, page, sign_in_first
from sayso.shops.roles import Role, may
from sayso.shops.tenancy import shop_context

from . import options, queries
from .connection import authorize, scopes, subscriptions
from .connection.client import ShopifyError
from .connection.connect import OVERLAP, ConnectError
from .connection.connect import connect as connect_store
from .connection.signin import SignInError
from .forms import PERMISSION, ChoicesForm, ConnectForm
from .importing import imports
from .models import Connection, SyncRun
from .reconciliation import queries as reconcile_queries

CHOSEN = "shopify_choices"
"""Where the session keeps what was chosen while the store's owner is asked."""


@require_GET
@page("settings.view")
def overview(request: Request) -> HttpResponse:
    imports = queries.imports()
    connections = queries.connections()
    given = connections[0].scopes if connections else []
    topics = subscriptions.table()
    reconciliations = reconcile_queries.latest()
    context = {
        "connections": connections,
        "all_scopes": scopes.ALL,
        "granted": scopes.granted(given) if given else None,
        "missing_scopes": scopes.missing(given),
        "subscriptions": topics,
        "subscription_trouble": sum(row.held_since is None for row in topics),
        "polled": any(connection.polled_to for connection in connections),
        "reconciliations": reconciliations,
        "scopes": authorize.SCOPES,
        "freshness": queries.freshness(request.shop.pk),
        "chosen": consent_settings.of(request.shop),
        "imports": imports,
        "running": any(progress.running for progress in imports) or any(one.running for one in reconciliations),
    }
    return render(request, "shopify/page.html", context)


@require_http_methods(["GET", "POST"])
def connect(request: Request) -> HttpResponse:
    """Connect a store; also where everybody lands who is in no shop yet."""
    if not request.user.is_authenticated:
        return sign_in_first(request)
    allowed = _may_connect(request)
    held = _connection_of(request) if allowed else None
    again = held if request.GET.get("again") else None
    posted = request.POST if allowed and request.method == "POST" else None
    form, choices = ConnectForm(posted, initial=_typed_before(again) if again else None), ChoicesForm(posted)
    if form.is_bound and all([form.is_valid(), again is not None or choices.is_valid()]):
        request.session[CHOSEN] = {} if again else choices.values()
        given = dict(form.cleaned_data) | _where(request, held, form.cleaned_data["domain"])
        try:
            if given.pop("grant") == PERMISSION:
                authorize.begin(request.session, **given, redirect_uri=_callback_address(request))
                return redirect("connect_permission")
            shop = connect_store(**given)
        except ConnectError as trouble:
            form.add_error(None, str(trouble))
        else:
            return _connected(request, shop)
    context = {
        "form": form,
        "choices": choices,
        "allowed": allowed,
        "again": again,
        "overlap": OVERLAP.seconds // 3600,
        "scopes": authorize.SCOPES,
        "all_scopes": scopes.ALL,
        "granted": None,
        "callback": _callback_address(request),
    }
    return render(request, "shopify/connect.html", context)


@require_GET
def permission(request: Request) -> HttpResponse:
    """A page with the way to the store. A link, because a form may lead to our own pages only: the policy's
    ``form-action 'self'`` holds for the redirects after it too, and browsers stop there."""
    if not request.user.is_authenticated:
        return sign_in_first(request)
    asked = authorize.asked_in(request.session)
    if asked is None or not _may_connect(request):
        return redirect("connect")
    context = {"domain": asked.domain, "url": asked.url, "callback": asked.redirect_uri, "scopes": authorize.SCOPES}
    return render(request, "shopify/permission.html", context)


@require_GET
def callback(request: Request) -> HttpResponse:
    """Where Shopify sends the browser back after the store's owner approved the app."""
    if not request.user.is_authenticated:
        return sign_in_first(request)
    if not _may_connect(request):
        return redirect("connect")
    try:
        shop = authorize.finish(request.session, request.GET.dict())
    except ConnectError as trouble:
        messages.error(request, str(trouble))
        return redirect("connect")
    return _connected(request, shop)


@require_POST
@page("shopify.edit")
def import_again(request: Request) -> HttpResponse:
    """Read everything from the store once more. What is unchanged stays as it is."""
    imports.start(request.shop.pk)
    messages.success(request, "The import is queued. What is unchanged stays as it is.")
    return redirect("shopify")


def _connection_of(request: Request) -> Connection | None:
    """The connection of the shop the visitor works in, to be made again."""
    shop = getattr(request, "shop", None)
    if shop is None:
        return None
    with shop_context(shop.pk):
        return Connection.objects.order_by("id").first()


def _where(request: Request, held: Connection | None, domain: str) -> dict[str, Any]:
    """The store of this shop is asked where its connection leads: a sandbox is not looked for at Shopify."""
    if held is None or held.domain != domain or request.shop is None:
        return {}
    return {"base_url": held.base_url, "sandbox": request.shop.is_sandbox}


def _typed_before(connection: Connection) -> dict[str, str]:
    """What need not be typed again: all but the secret."""
    app = ProviderApp.objects.get(pk=connection.provider_app_id)
    return {"grant": connection.grant, "domain": connection.domain, "client_id": app.client_id}


def _may_connect(request: Request) -> bool:
    return request.user.is_platform_owner or may(request.role, "shopify.edit")


def _callback_address(request: Request) -> str:
    """On the host that the browser is on: its session lives there."""
    return request.build_absolute_uri(reverse("shopify_callback"))


def _connected(request: Request, shop: Shop) -> HttpResponse:
    """What follows, whichever way the store gave access. A store that was imported before keeps what it chose."""
    _let_in(request, shop)
    chosen = request.session.pop(CHOSEN, {})
    with shop_context(shop.pk):
        if not SyncRun.objects.exists():
            options.choose(shop, actor_id=str(request.user.pk), **chosen)
        elif chosen:
            messages.info(request, "It was imported before and keeps its choices about contacts and consent.")
    imports.start(shop.pk)
    try:
        subscriptions.ensure(shop.pk, settings.PUBLIC_URL)
    except (ShopifyError, SignInError) as trouble:
        messages.warning(request, f"Live changes are not subscribed to yet; tried again every hour. {trouble}")
    return redirect("shopify")


def _let_in(request: Request, shop: Shop) -> None:
    """Work in the new shop from now on, as its owner."""
    if not request.user.is_platform_owner:
        Membership.objects.get_or_create(user=request.user, shop=shop, defaults={"role": Role.OWNER})
    request.session["shop_id"] = shop.pk
    messages.success(request, f"{shop.name} is connected.")
