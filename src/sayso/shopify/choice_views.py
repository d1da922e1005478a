"""Settings → Shopify → Contacts and consent: the choices made at connection, and what the store was told of consent."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from sayso.consent import settings
from sayso.shops.pages import Request, page
from sayso.shops.roles import Role

from . import options
from .forms import SyncChoicesForm
from .importing import imports
from .writeback import queries as writeback_queries
from .writeback import queue as writeback_queue


@require_http_methods(["GET", "POST"])
@page("settings.view", change="shopify.edit")
def choices(request: Request) -> HttpResponse:
    """Both choices, and writing back. What is wrong stands at its field; then nothing is saved."""
    current = settings.of(request.shop)
    form = SyncChoicesForm(request.POST or None, current=current, owner=request.role == Role.OWNER)
    if request.method == "POST" and form.is_valid():
        before, after = options.choose(request.shop, actor_id=str(request.user.pk), **form.values())
        for sentence in _follow(request.shop.pk, before, after):
            messages.success(request, sentence)
        return redirect("shopify_choices")
    context = {"choices": form, "told": writeback_queries.overview()}
    return render(request, "shopify/choices.html", context, status=422 if request.method == "POST" else 200)


def _follow(shop_id: int, before: settings.Settings, after: settings.Settings) -> list[str]:
    """Do what a changed choice means, and say so."""
    said = []
    if after.sync_contacts and not before.sync_contacts:
        imports.start(shop_id, ("customers",))
        said.append("Contacts are synced from now on. All customers of the store are being read.")
    elif before.sync_contacts and not after.sync_contacts:
        said.append("Contacts are no longer synced. Those there are stay; opt-outs and erasures are still obeyed.")
    if after.write_back_consent and not before.write_back_consent:
        waiting = writeback_queue.push_all_standing()
        said.append(
            f"Consent is written back from now on; {waiting} opt-outs that Shopify does not know yet come first."
        )
    elif before.write_back_consent and not after.write_back_consent:
        said.append("Consent is no longer written back. What people decide here is in force here alone.")
    if before.consent_option != after.consent_option:
        said.append(
            "Consent to SMS is inferred from now on. People who gave a phone number are being looked through."
            if after.consent_option == "INFERRED"
            else "Only explicit consent counts from now on. Consent that was inferred is being withdrawn."
        )
    return said or ["Nothing was different, so nothing was changed."]


@require_POST
@page("shopify.edit")
def try_all_again(request: Request) -> HttpResponse:
    """Offer the store once more what it refused."""
    queued = writeback_queue.try_again()
    messages.success(
        request, f"{queued} refused {'entry waits' if queued == 1 else 'entries wait'} to be told once more."
    )
    return redirect("shopify_choices")


@require_POST
@page("contacts.edit")
def try_again(request: Request, contact_id: int) -> HttpResponse:
    """The same for one contact."""
    if writeback_queue.try_again(contact_id):
        messages.success(request, "It waits to be told to Shopify once more.")
    return redirect("profile", contact_id)
