"""Proofs to download, exports and their progress, and who could have been messaged at a past moment."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import FileResponse, Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from sayso.shops.pages import Request, page

from . import exports, history
from .forms import ExportForm, ThenForm
from .ledger.keys import KeyTrouble
from .models import Export
from .proof import formats
from .proof.words import LANGUAGES

PAGE = 50
OPEN = (Export.State.QUEUED, Export.State.RUNNING)


@require_POST
@page("consent.export")
def proof(request: Request, contact_id: int) -> HttpResponseBase:
    """The proof of one contact, as a file."""
    form, language = request.POST.get("format", ""), request.POST.get("language", "")
    if form not in formats.FORMATS:
        messages.error(request, "Choose one of the forms in which a proof can be downloaded.")
        return redirect("profile", contact_id)
    try:
        made = formats.make(
            request.shop,
            contact_id,
            form,
            language=language if language in LANGUAGES else "",
            actor_kind="staff",
            actor_id=str(request.user.pk),
        )
    except KeyTrouble as error:
        messages.error(request, f"The proof cannot be made: {error}.")
        return redirect("profile", contact_id)
    if made is None:
        raise Http404(f"No contact {contact_id} in this shop")
    return HttpResponse(
        made.content,
        content_type=made.media_type,
        headers={"Content-Disposition": f'attachment; filename="{made.filename}"', "Cache-Control": "no-store"},
    )


@require_http_methods(["GET", "POST"])
@page("consent.export")
def exports_page(request: Request) -> HttpResponseBase:
    """Ask for an export, and see how far the others are."""
    form = ExportForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        kind = form.cleaned_data["kind"]
        exports.request(kind, form.parameters(), actor_kind="staff", actor_id=str(request.user.pk))
        messages.success(request, f"{exports.KINDS[kind].name}: being written. It can be downloaded here for 24 hours.")
        return redirect("consent_exports")
    shown = list(Export.objects.order_by("-id")[:PAGE])
    context = {
        "form": form,
        "exports": [
            {
                "export": one,
                "kind": exports.KINDS[one.kind],
                "filters": ", ".join(f"{name} {value}" for name, value in one.parameters.items() if name not in HIDDEN),
                "rate": exports.rate(one),
                "ready": exports.file_of(one) is not None,
            }
            for one in shown
        ],
        "live": any(one.state in OPEN for one in shown),
    }
    template = "consent/exports_list.html" if request.htmx else "consent/exports.html"
    return render(request, template, context, status=422 if request.method == "POST" else 200)


HIDDEN = {"upto", "checkpoint"}


@require_GET
@page("consent.export")
def export_file(request: Request, export_id: int) -> HttpResponseBase:
    """The file, in blocks."""
    export = Export.objects.filter(pk=export_id).first()
    if export is None:
        raise Http404(f"No export {export_id} in this shop")
    path = exports.file_of(export)
    if path is None:
        messages.error(request, "This file is not there: it was deleted after a day, or is still being written.")
        return redirect("consent_exports")
    exports.taken(export, actor_id=str(request.user.pk))
    return FileResponse(
        path.open("rb"),
        as_attachment=True,
        filename=exports.filename(export, request.shop),
        headers={"Cache-Control": "no-store"},
    )


@require_http_methods(["GET", "POST"])
@page("consent.export")
def then(request: Request) -> HttpResponseBase:
    """Who could have been messaged at that time: the number, and the list as an export."""
    said = request.POST if request.method == "POST" else request.GET if "at" in request.GET else None
    form = ThenForm(said)
    context: dict[str, Any] = {"form": form}
    if said is not None and form.is_valid():
        at, channel = form.cleaned_data["at"], form.cleaned_data["channel"]
        if request.method == "POST":
            parameters = {"at": at.isoformat(), "channel": channel}
            exports.request("messageable_csv", parameters, actor_kind="staff", actor_id=str(request.user.pk))
            messages.success(request, "The list is being written. It can be downloaded here for 24 hours.")
            return redirect("consent_exports")
        context |= {
            "at": at,
            "channel": channel,
            "count": history.count_messageable(at, channel),
            "some": history.messageable(at, channel, limit=20),
        }
    return render(request, "consent/then.html", context)
