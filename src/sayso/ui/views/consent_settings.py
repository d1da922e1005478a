"""Settings → Consent: what the shop decided, and the table of rules that nobody can change."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import Resolver404, resolve
from django.views.decorators.http import require_GET, require_http_methods

from sayso.consent import inferred, queries, settings
from sayso.consent.events import State
from sayso.shops.pages import Request, page
from sayso.shops.roles import Role
from sayso.ui import words
from sayso.ui.consent_form import ConsentForm


@require_http_methods(["GET", "POST"])
@page("settings.view", change="settings.edit")
def settings_page(request: Request) -> HttpResponse:
    """Everything a shop decides about consent. What is wrong stands at its field; then nothing is saved."""
    current = settings.of(request.shop)
    form = ConsentForm(request.POST or None, current=current, owner=request.role == Role.OWNER)
    if request.method == "POST" and form.is_valid():
        actor = str(request.user.pk)
        if form.begins_to_infer:
            inferred.confirmed(request.shop.pk, actor)
        after = settings.change(request.shop, actor_kind="staff", actor_id=actor, **form.values())
        if after.consent_option != current.consent_option:
            inferred.switched(request.shop.pk)
            messages.success(request, SWITCHED[after.consent_option])
        elif after == current:
            messages.info(request, "Nothing was different, so nothing was changed.")
        else:
            messages.success(request, "Saved. The change is in the log, with your name.")
        return redirect("consent_settings")
    context = {
        "form": form,
        "current": current,
        "parts": [(address, title, about) for address, title, about in PARTS if _served(address)],
        "can_edit_inferred": request.role == Role.OWNER,
    }
    return render(request, "consent/settings.html", context, status=422 if request.method == "POST" else 200)


PARTS = (
    ("/settings/consent/set-up", "Set-up checklist", "Every choice about consent at a glance, and what is still open."),
    ("/settings/consent/words", "Words and replies", "What counts as STOP, YES and START, and what is answered."),
    ("/settings/consent/wordings", "Wordings", "The texts people agreed to, by version: checkout, form, in the store."),
    ("/settings/topics", "Topics", "Subjects people can choose among."),
    ("/settings/consent/public-pages", "Public pages", "The preference page and the forms, as people see them."),
    ("/settings/consent/rules", "The rules", "What each event does to each state. The same for every shop."),
)


def _served(address: str) -> bool:
    """Whether a room offers the page; rooms are mounted by the program's list of them."""
    try:
        resolve(address)
    except Resolver404:
        return False
    return True


SWITCHED = {
    "INFERRED": "Consent to SMS is inferred from now on. People who gave a phone number are being looked through; whoever"
    " refused stays out.",
    "EXPLICIT": "Only explicit consent counts from now on. Consent that was inferred is being withdrawn; nobody is sent SMS on"
    " it any more.",
}


@require_GET
@page("settings.view")
def rules(request: Request) -> HttpResponse:
    """The transition table, as the database decides from it."""
    context = {
        "rules": queries.rules(),
        "states": [state.value for state in State],  # the order of the cells
        "meanings": words.CONSENT_MEANING,
        "refusals": words.REFUSALS,
    }
    return render(request, "consent/rules.html", context)
