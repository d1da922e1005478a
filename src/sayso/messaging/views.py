"""*Words and replies*, and what is decided of messages that may ask to be left alone."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from sayso.consent import settings
from sayso.consent.events import Outcome, State
from sayso.consent.settings import Settings
from sayso.consent.words import normalise, table, verdict
from sayso.events.models import Event
from sayso.shops.pages import Request, page
from sayso.shops.tenancy import current_shop_id

from . import asked, queries, texts
from .buttons import opt_out_labels
from .forms import PURPOSES, WordsForm, button_choices, text_sets
from .models import PossibleOptOut, Template

VERDICTS = {
    "OPT_OUT": ("bad", "Opts out", "It ends marketing on WhatsApp and SMS at once, by the word “{word}”."),
    "OPT_IN": ("good", "Opts in", "It is the customer’s own opt-in, by the word “{word}”."),
    "YES": ("good", "Confirms", "It confirms an opt-in that waits for it, and does nothing else."),
    "POSSIBLE": (
        "warn",
        "Possible opt-out",
        "It does nothing by itself. “{word}” raises a suggestion on the contact’s page.",
    ),
    "NOTHING": ("calm", "No effect", "It is an ordinary message."),
}


@require_http_methods(["GET", "POST"])
@page("settings.view", change="settings.edit")
def words(request: Request) -> HttpResponse:
    """The shop's words, texts and buttons; with a field to try a message."""
    chosen = settings.of(request.shop)
    templates = queries.templates()
    data = request.POST if request.method == "POST" else None
    form = WordsForm(data, initial=WordsForm.from_settings(chosen), templates=templates)
    sets = text_sets(chosen, data)
    if data is not None and all([form.is_valid(), *(one.is_valid() for one in sets.values())]):
        own_texts = {texts.OWN_TEXTS[purpose]: one.values() for purpose, one in sets.items()}
        settings.change(
            request.shop, actor_kind="staff", actor_id=str(request.user.pk), **form.values(chosen), **own_texts
        )
        _declare(templates, set(request.POST.getlist("button")), actor_id=str(request.user.pk))
        messages.success(request, "Saved. It holds for the next message that comes in.")
        return redirect("consent_words")
    context = {
        "form": form,
        "sets": [(*PURPOSES[purpose], one, texts.built_in(purpose)["en"]) for purpose, one in sets.items()],
        "buttons": button_choices(templates),
        "languages": len({word.language for word in table() if word.kind == "stop"}),
        "built_in_words": sum(word.kind == "stop" for word in table()),
        **_trial(request, chosen),
    }
    return render(request, "messaging/words.html", context, status=422 if data is not None else 200)


def _trial(request: Request, chosen: Settings) -> dict[str, Any]:
    """What the message in the address would do; with the words as they stand in the form, if they came along."""
    message = request.GET.get("message", "")[:1000]
    if not message.strip():
        return {"message": "", "verdict": None}
    extra = (
        request.GET["opt_out_keywords"].splitlines() if "opt_out_keywords" in request.GET else chosen.opt_out_keywords
    )
    own = request.GET["opt_in_keywords"].splitlines() if "opt_in_keywords" in request.GET else chosen.opt_in_keywords
    kind, word = verdict(
        message, extra=[one for one in extra if normalise(one)], opt_in_words=[one for one in own if normalise(one)]
    )
    tone, title, meaning = VERDICTS[kind]
    return {"message": message, "verdict": (tone, title, meaning.format(word=word))}


def _declare(templates: list[Template], checked: set[str], *, actor_id: str) -> None:
    """Keep which buttons opt out. A template says so itself only where a person chose otherwise than its labels do. Taking an
    opt-out from a button is a decision about consent: who took it is in the event log."""
    changed, told = [], {}
    for template, buttons in button_choices(templates):
        wanted = {label for position, label, _ in buttons if f"{template.pk}:{position}" in checked}
        by_label = opt_out_labels(Template(components=template.components))
        declared = None if {label.strip() for label in wanted} == by_label else sorted(wanted)
        if declared != template.opt_out_buttons:
            told[f"{template.name} ({template.language})"] = [template.opt_out_buttons, declared]
            template.opt_out_buttons = declared
            changed.append(template)
    Template.objects.bulk_update(changed, ["opt_out_buttons"])
    if told:
        Event.objects.create(
            shop_id=current_shop_id(), kind="settings.changed", occurred_at=timezone.now(), actor_kind="staff",
            actor_id=actor_id, origin="settings", data={"opt_out_buttons": told},
        )  # fmt: skip


@require_POST
@page("consent.unsubscribe")
def decide(request: Request, contact_id: int, suggestion_id: int) -> HttpResponse:
    """Record a possible opt-out, or note that it was none."""
    one = PossibleOptOut.objects.filter(pk=suggestion_id, contact_id=contact_id).first()
    if one is None:
        raise Http404(f"No possible opt-out {suggestion_id} of contact {contact_id} in this shop")
    if request.POST.get("decision") == PossibleOptOut.Decision.OPT_OUT:
        outcomes = asked.decide(one, PossibleOptOut.Decision.OPT_OUT, actor_id=str(request.user.pk))
        tell(request, contact_id, outcomes)
    else:
        asked.decide(one, PossibleOptOut.Decision.NONE, actor_id=str(request.user.pk))
        messages.success(request, "Noted: it was no request to stop. Nothing changed.")
    return redirect("profile", contact_id)


def tell(request: Request, contact_id: int, outcomes: list[Outcome]) -> None:
    """Say what became of an opt-out that somebody of the team recorded."""
    own = [one for one in outcomes if one.contact_id == contact_id]
    names = {"whatsapp": "WhatsApp", "sms": "SMS", "email": "e-mail"}
    changed = [names[one.channel] for one in own if one.to_state == State.UNSUBSCRIBED]
    stays = [names[one.channel] for one in own if one.outcome == "NO_CHANGE" and one.to_state != State.UNSUBSCRIBED]
    if changed:
        messages.success(request, f"Unsubscribed from {' and '.join(changed)}. Nothing more is sent there.")
    if stays:
        messages.warning(
            request,
            f"Recorded, but the customer opted in on {' and '.join(stays)} after that message, so it changes nothing"
            " there. Ask them, if in doubt.",
        )
    if any(one.outcome == "REFUSED" for one in own):
        messages.error(request, "The contact was erased on a privacy request; nothing can be recorded.")
