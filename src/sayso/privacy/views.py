"""Settings → Privacy: requests with their clocks, people who wrote in, periods, and the erasure of the shop."""

from __future__ import annotations

import json

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from sayso.consent import settings
from sayso.contacts.models import Contact
from sayso.shops import personal
from sayso.shops.models import Shop
from sayso.shops.pages import Request, page

from . import access, queries, requests, retention
from .forms import AskForm, RetentionForm, TypedForm
from .models import ErasureCertificate, PrivacyRequest

PAGE = 50
KINDS = {"access": PrivacyRequest.Kind.ACCESS, "redact": PrivacyRequest.Kind.REDACT}


@require_GET
@page("privacy.view")
def index(request: Request) -> HttpResponse:
    """The requests, and whoever is looked for."""
    before = request.GET.get("before", "")
    after = int(before) if before.isdecimal() and len(before) < 19 else None
    only_open = request.GET.get("show") == "open"
    listed = queries.listed(only_open=only_open, before=after, limit=PAGE + 1)
    wanted = request.GET.get("q", "").replace("\x00", "").strip()[:100]
    context = {
        "listed": listed[:PAGE],
        "older": listed[PAGE - 1].request.pk if len(listed) > PAGE else None,
        "paged": after is not None,
        "only_open": only_open,
        "open": queries.open_count(),
        "overdue": queries.overdue_count(),
        "wanted": wanted,
        "people": queries.people_like(wanted) if wanted else [],
        "ask": AskForm(country=request.shop.country, initial=_initial(wanted)),
        "certificates": queries.certificates() if request.user.is_platform_owner else [],
        "erasure": queries.open_erasure(),
    }
    return render(request, "privacy/index.html", context)


def _initial(wanted: str) -> dict[str, str]:
    return {"email": wanted} if "@" in wanted else {"phone": wanted} if wanted.startswith("+") else {}


@require_POST
@page("privacy.edit")
def ask(request: Request, kind: str) -> HttpResponse:
    """A request for whoever has an address, known or not: an address that nobody has is suppressed all the same."""
    if kind not in KINDS:
        raise Http404
    form = AskForm(request.POST, country=request.shop.country)
    if not form.is_valid():
        messages.error(request, " ".join(str(error) for errors in form.errors.values() for error in errors))
        return redirect("privacy")
    if kind == "redact" and request.POST.get("typed", "").strip().upper() != "ERASE":
        messages.error(request, "Nothing was erased: type ERASE into the field beside the button, then it is.")
        return redirect("privacy")
    _open(request, requests.Asking(KINDS[kind], form.named))
    return redirect("privacy")


@require_POST
@page("privacy.edit")
def ask_access(request: Request, contact_id: int) -> HttpResponse:
    contact = get_object_or_404(Contact, pk=contact_id)
    _open(request, requests.Asking(PrivacyRequest.Kind.ACCESS, contact_ids=[contact.pk]))
    return redirect("privacy")


@require_http_methods(["GET", "POST"])
@page("privacy.edit")
def redact(request: Request, contact_id: int) -> HttpResponse:
    """Says what will happen, and has it typed."""
    contact = get_object_or_404(Contact, pk=contact_id)
    if contact.redacted_at is not None:
        messages.info(request, f"{contact.display_name} is erased already.")
        return redirect("privacy")
    wanted = contact.email or contact.phone or f"Contact {contact.pk}"
    form = TypedForm(request.POST or None, wanted=wanted)
    if request.method == "POST" and form.is_valid():
        _open(request, requests.Asking(PrivacyRequest.Kind.REDACT, contact_ids=[contact.pk]))
        return redirect("privacy")
    kept = [holding for holding in personal.holdings() if holding.why_kept]
    return render(request, "privacy/redact.html", {"contact": contact, "form": form, "kept": kept})


def _open(request: Request, asking: requests.Asking) -> None:
    requests.open_all(
        request.shop.pk, [asking], origin=PrivacyRequest.Origin.STAFF, actor_kind="staff", actor_id=str(request.user.pk)
    )
    words = (
        "The erasure is requested; it is carried out within seconds."
        if asking.kind == PrivacyRequest.Kind.REDACT
        else "The package is being made. It can be downloaded below as soon as it is ready."
    )
    messages.success(request, words)


@require_POST
@page("privacy.edit")
def decide(request: Request, request_id: int) -> HttpResponse:
    """Try a failed request again; have a held one carried out, or not."""
    asked = get_object_or_404(PrivacyRequest, pk=request_id)
    decision, actor_id = request.POST.get("decision"), str(request.user.pk)
    if decision == "again" and asked.status == PrivacyRequest.Status.FAILED:
        requests.again(asked, actor_id=actor_id)
        messages.success(request, "It is tried again.")
    elif decision == "decline" and asked.held:
        reason = f"Not carried out: {request.user} says that the app is installed again and in use."
        requests.decline(asked, reason, actor_id=actor_id)
        messages.success(request, "The request is closed; nothing was erased.")
    else:
        messages.error(request, "The request has changed meanwhile; look at it again.")
    return redirect("privacy")


@require_GET
@page("privacy.edit")
def package(request: Request, request_id: int) -> HttpResponseBase:
    """The package as a file. Who took it is in the event log."""
    asked = get_object_or_404(PrivacyRequest, pk=request_id, package_size__isnull=False)
    access.taken(asked, actor_kind="staff", actor_id=str(request.user.pk))
    response = StreamingHttpResponse(access.download(request.shop.pk, asked.pk), content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="access-request-{asked.pk}.zip"'
    response["Content-Length"] = str(asked.package_size)
    response["Cache-Control"] = "no-store"
    return response


@require_http_methods(["GET", "POST"])
@page("privacy.view", change="privacy.edit")
def periods(request: Request) -> HttpResponse:
    """How long each kind of data is kept, and what the last rounds removed."""
    chosen = settings.of(request.shop).retention
    form = RetentionForm(request.POST or None, initial=dict(chosen))
    if request.method == "POST" and form.is_valid():
        settings.change(request.shop, actor_kind="staff", actor_id=str(request.user.pk), retention=form.days)
        messages.success(request, "Saved. The periods are enforced every night.")
        return redirect("privacy_retention")
    context = {"form": form, "reports": retention.reports(), "kinds": retention.KINDS}
    return render(request, "privacy/retention.html", context)


@require_http_methods(["GET", "POST"])
@page("privacy.edit")
def erase(request: Request) -> HttpResponse:
    """Erase the whole shop, once the app is uninstalled and its domain was typed."""
    erasure = queries.open_erasure()
    installed = request.shop.status == Shop.Status.ACTIVE
    form = TypedForm(request.POST or None, wanted=request.shop.domain)
    possible = not installed or (erasure is not None and erasure.held)
    if request.method == "POST" and possible and form.is_valid():
        if installed:  # Shopify asked, and the owner says that it stands: the app no longer counts as installed
            Shop.objects.filter(pk=request.shop.pk).update(status=Shop.Status.UNINSTALLED)
            request.shop.refresh_from_db()
        asked = requests.erase_shop_on(
            request.shop, timezone.now(), origin=PrivacyRequest.Origin.STAFF, actor_kind="staff",
            actor_id=str(request.user.pk),
        )  # fmt: skip
        requests.confirm(asked, actor_id=str(request.user.pk))
        messages.success(
            request, "The erasure has begun. Keep the address of the certificate below: it outlives the shop."
        )
        return redirect("privacy_erase")
    context = {"form": form, "erasure": erasure, "installed": installed, "possible": possible}
    return render(request, "privacy/erase.html", context)


@require_GET
def certificate(request: HttpRequest, token: str) -> HttpResponse:
    """What remains of an erased shop, for whoever holds its random address: theirs may be the only one left. It names
    the shop's domain and numbers of rows, nobody."""
    found = ErasureCertificate.objects.filter(token=token).first()
    if found is None:
        # Not there yet, or never: an address that cannot be guessed tells nobody which.
        return render(request, "privacy/certificate.html", {"token": token}, status=404)
    if request.GET.get("format") == "json":
        response = JsonResponse(
            {"document": found.document, "signature": bytes(found.signature).hex(), "key": found.key_id}
        )
        response["Content-Disposition"] = f'attachment; filename="erasure-{found.domain}.json"'
        return response
    return render(request, "privacy/certificate.html", {"certificate": found, "told": json.loads(found.document)})
