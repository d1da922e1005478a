"""Audience → Consent → Suppressed addresses: look one up, block one, load a list, take the hashes away."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from sayso.consent import figures, suppressions
from sayso.contacts.apply import Actor
from sayso.events.models import Event
from sayso.shops.pages import Request, page
from sayso.shops.tenancy import shop_context
from sayso.ui.suppression_forms import KINDS, AddressForm, BlockForm, ListForm

BAD_SHOWN = 200
HEADING = ("address_hash", "kind", "since", "ended", "source")


@require_GET
@page("consent.view")
def overview(request: Request) -> HttpResponse:
    return _page(request)


@require_http_methods(["GET", "POST"])
@page("consent.view")
def look_up(request: Request) -> HttpResponse:
    """What stands against one address. POST, so that the address stays out of logs and histories."""
    if request.method == "GET":  # after signing in again, or from a bookmark
        return redirect("suppressed")
    form = AddressForm(request.POST)
    if not form.is_valid():
        return _page(request, status=422, look_up=form)
    return _answer(request, form.cleaned_data["address"], form)


@require_http_methods(["GET", "POST"])
@page("consent.blacklist")
def block(request: Request) -> HttpResponse:
    """Block one address for this shop."""
    if request.method == "GET":
        return redirect("suppressed")
    form = BlockForm(request.POST)
    if not form.is_valid():
        return _answer(request, request.POST.get("address", ""), AddressForm(request.POST), block_form=form, status=422)
    text, reason = form.cleaned_data["address"], form.cleaned_data["reason"]
    parsed = suppressions.read([text], country=request.shop.country)
    if not parsed.good:
        return _answer(request, text, AddressForm(request.POST), block_form=form, status=422)
    suppressions.suppress(parsed.good, kind="LOCAL", source="staff", reason=reason, actor=_actor(request))
    messages.success(request, "Blocked. Nothing is sent to this address until the block is ended.")
    return _answer(request, text, AddressForm({"address": text}))


@require_http_methods(["GET", "POST"])
@page("consent.blacklist")
def release(request: Request) -> HttpResponse:
    """End the shop's own block of one address; the row stays, with the reason."""
    if request.method == "GET":
        return redirect("suppressed")
    form = BlockForm(request.POST)
    if not form.is_valid():
        return _answer(
            request, request.POST.get("address", ""), AddressForm(request.POST), release_form=form, status=422
        )
    text = form.cleaned_data["address"]
    parsed = suppressions.read([text], country=request.shop.country)
    ended = bool(parsed.good) and suppressions.release(
        parsed.good[0], actor=_actor(request), reason=form.cleaned_data["reason"]
    )
    if ended:
        messages.success(request, "The block is ended. Whether messages may go there depends on consent alone now.")
    else:
        messages.info(request, "There was no block to end.")
    return _answer(request, text, AddressForm({"address": text}))


@require_http_methods(["GET", "POST"])
@page("consent.blacklist")
def load(request: Request) -> HttpResponse:
    """Read a list, show what it would do, and do it when asked to: ``apply`` comes with the preview's own form."""
    form = ListForm(request.POST or None, request.FILES or None)
    context: dict[str, Any] = {"tab": "suppressed", "form": form, "kinds": KINDS}
    if request.method == "POST" and form.is_valid():
        text, kind, reason = (form.cleaned_data[name] for name in ("text", "kind", "reason"))
        parsed = suppressions.read(text.splitlines(), country=request.shop.country)
        if request.POST.get("action") == "apply" and parsed.good:
            counts = suppressions.suppress(
                parsed.good, kind=kind, source="import", reason=reason, actor=_actor(request)
            )
            messages.success(request, _told(counts))
            return redirect("suppressed")
        context |= {
            "parsed": parsed,
            "phones": sum(address.is_phone for address in parsed.good),
            "emails": sum(not address.is_phone for address in parsed.good),
            "bad": parsed.bad[:BAD_SHOWN],
            "more_bad": max(0, len(parsed.bad) - BAD_SHOWN),
            "lines": "\n".join(address.value for address in parsed.good),
            "kind_title": KINDS[kind][0],
            "kind": kind,
            "reason": reason,
        }
        return render(request, "consent/suppressed_preview.html", context)
    return render(request, "consent/suppressed_import.html", context, status=422 if request.method == "POST" else 200)


@require_GET
@page("consent.export")
def export(request: Request) -> StreamingHttpResponse:
    """Every suppressed address as its keyed hash, streamed; the export itself is logged."""
    Event.objects.create(
        shop_id=request.shop.pk, kind="export.created", occurred_at=timezone.now(), actor_kind="staff",
        actor_id=str(request.user.pk), origin="suppressions", data={"what": "suppressed addresses, hashes", "format": "csv"},
    )  # fmt: skip
    name = f"suppressed-{request.shop.domain.split('.')[0]}-{timezone.localdate():%Y-%m-%d}.csv"
    return StreamingHttpResponse(
        _rows(request.shop.pk),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


class _Line:
    """A file that hands back what is written to it: csv writes, the response sends."""

    def write(self, text: str) -> str:
        return text


def _rows(shop_id: int) -> Iterator[str]:
    """The file, in a transaction of its own: the request's has ended when the first line is asked for."""
    writer = csv.writer(_Line())
    yield writer.writerow(HEADING)
    with shop_context(shop_id):
        for row in suppressions.export():
            yield writer.writerow(row)


def _told(counts: suppressions.Counts) -> str:
    known = counts.addresses - counts.new
    text = f"{counts.addresses:,} address{'' if counts.addresses == 1 else 'es'} suppressed"
    text += f", {known:,} of them before already" if known else ""
    return f"{text}. {counts.contacts:,} contact{'' if counts.contacts == 1 else 's'} of this shop hold them."


def _answer(request: Request, text: str, form: AddressForm, status: int = 200, **forms: Any) -> HttpResponse:
    """The page with what stands against ``text``."""
    try:
        found = suppressions.look_up(text, country=request.shop.country)
    except ValueError as error:
        form.is_valid()
        form.add_error("address", f"That is {error}.")
        return _page(request, status=422, look_up=form)
    answer = {
        "asked": text,
        "found": found,
        "blocked": any(one.kind == "LOCAL" and one.ended_at is None for one in found),
        "stands": any(one.ended_at is None for one in found),
    }
    return _page(request, status=status, look_up=form, answer=answer, **forms)


def _page(request: Request, *, status: int = 200, **more: Any) -> HttpResponse:
    context = {"tab": "suppressed", "counts": figures.suppressed(), "look_up": AddressForm(), "answer": None} | more
    return render(request, "consent/suppressed.html", context, status=status)


def _actor(request: Request) -> Actor:
    return Actor("staff", str(request.user.pk))
