"""Two contacts that are one person: choose, see what will be, confirm; and take it back."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from sayso.contacts import merge as door
from sayso.contacts import queries as contacts
from sayso.contacts.apply import Actor
from sayso.contacts.models import Contact, ContactMerge
from sayso.shops.pages import Request, page
from sayso.ui import merging
from sayso.ui.requests import number


@require_http_methods(["GET", "POST"])
@page("contacts.merge")
def merge(request: Request, contact_id: int) -> HttpResponse:
    """Whom to merge with; with ``with`` what that would give; by POST it is done."""
    contact = _contact(contact_id)
    chosen = number(request.POST if request.method == "POST" else request.GET, "with")
    other = contacts.contact(chosen) if chosen else None
    q = request.GET.get("q", "").replace("\x00", "").strip()[:100]
    context: dict[str, Any] = {"contact": contact, "other": other, "q": q}
    try:
        if other is None:
            context["candidates"] = merging.candidates(contact, request.shop.pk, q)
        elif request.method == "POST":
            return _do(request, contact, other)
        else:
            context["outlook"] = merging.outlook(contact, other)
    except door.Refused as refused:
        context["refused"] = str(refused)
    status = 422 if request.method == "POST" else 200
    return render(request, "ui/merge/page.html", context, status=status)


def _do(request: Request, contact: Contact, other: Contact) -> HttpResponse:
    survivor, merged = door.survivor_of(contact, other)
    door.merge(survivor.pk, merged.pk, cause=ContactMerge.Cause.STAFF, actor=Actor("staff", str(request.user.pk)))
    messages.success(
        request, f"{merged.display_name} is part of {survivor.display_name} now. It can be undone for 30 days."
    )
    return redirect("profile", survivor.pk)


@require_POST
@page("contacts.merge")
def undo(request: Request, merge_id: int) -> HttpResponse:
    """Part the two again; consent stays as strict as it was made."""
    row = ContactMerge.objects.filter(pk=merge_id).first()
    if row is None:
        raise Http404(f"No merge {merge_id} in this shop")
    try:
        door.part(merge_id, actor=Actor("staff", str(request.user.pk)))
    except door.Refused as refused:
        messages.error(request, str(refused))
        return redirect("profile", row.survivor_id)
    messages.success(request, "The two contacts are apart again. Consent stays as strict as the merge made it.")
    return redirect("profile", row.merged_id)


def _contact(contact_id: int) -> Contact:
    contact = contacts.contact(contact_id)
    if contact is None:
        raise Http404(f"No contact {contact_id} in this shop")
    return contact
