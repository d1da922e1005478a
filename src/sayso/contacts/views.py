"""Changes of a contact that people make on its profile."""

from __future__ import annotations

from datetime import UTC, datetime

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from sayso.shops.pages import Request, page

from . import queries
from .apply import Actor, apply
from .changes import ContactChange, Source


@require_POST
@page("contacts.edit")
def exclude(request: Request, contact_id: int) -> HttpResponse:
    """Exclude a contact from messaging, or take that back. Says nothing about consent."""
    contact = queries.contact(contact_id)
    if contact is None or contact.redacted_at:
        raise Http404(f"No contact {contact_id} in this shop that could be changed")
    excluded = request.POST.get("excluded") == "yes"
    change = ContactChange(source=Source.STAFF, at=datetime.now(UTC), contact_id=contact_id, excluded=excluded)
    apply([change], actor=Actor("staff", str(request.user.pk)))
    if excluded:
        messages.success(request, "Excluded from messaging: left out of every campaign from now on.")
    else:
        messages.success(request, "No longer excluded. Consent decides again.")
    return redirect("profile", contact_id)
