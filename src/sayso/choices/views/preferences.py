"""``/p/<token>``: what a person gets, each channel and subject with a switch. No sign-in; a GET changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from sayso.consent import settings as consent_settings
from sayso.consent.events import Channel
from sayso.shops.models import Shop
from sayso.shops.tenancy import shop_context

from .. import limits, preferences, public, texts
from ..models import Feedback
from ..preferences import Standing
from ..texts import Words
from ..tokens import Person, Refused, read_person

HOUR = 3600
CHANGES = 60
"""Changes an hour with one link; stopping is never refused."""

NOTICES = ("done_on", "done_pending", "done_off", "saved", "not_on", "too_soon", "why_thanks")

View = Callable[..., HttpResponse]


def of_a_person(view: View) -> View:
    """Read the token and enter its shop. Who is gone gets a neutral page; an opt-out is recorded all the same."""

    @csrf_exempt  # the token in the address is the only authority: there is no cookie another site could ride on
    @wraps(view)
    def guarded(request: HttpRequest, token: str) -> HttpResponse:
        try:
            person = read_person(token)
        except Refused:
            return public.neutral(request, "broken", status=404)
        shop = public.live_shop(person.shop_id)
        if shop is None:
            return public.neutral(request, "broken", status=404)
        with shop_context(shop.pk):
            standing = preferences.standing(person)
            if standing is None:
                return public.neutral(request, "nobody", shop)
            words = public.person_words(request, shop, *standing.languages)
            return view(request, token, person, shop, standing, words)

    return guarded


@require_http_methods(["GET", "HEAD", "POST"])
@of_a_person
def page(
    request: HttpRequest, token: str, person: Person, shop: Shop, standing: Standing, words: Words
) -> HttpResponse:
    if standing.gone:
        return public.neutral(request, "nobody", shop)
    if request.method == "POST":
        notice = _change(request, token, person, shop, standing, words)
        if notice is None:
            return public.neutral(request, "too_often", shop, status=429)
        return public.redirect(f"{reverse('preferences', args=[token])}?lang={words.tag}&notice={notice}")
    notice = request.GET.get("notice", "")
    return public.respond(
        request, "preferences.html", shop, words, languages=texts.languages(), standing=standing,
        groups=preferences.groups(person, standing, words), notice=notice if notice in NOTICES else "",
    )  # fmt: skip


def _change(
    request: HttpRequest, token: str, person: Person, shop: Shop, standing: Standing, words: Words
) -> str | None:
    """Do what a button says; the name of the notice that follows, or None where it is enough for an hour."""
    action, seen = request.POST.get("action", ""), public.evidence(request)
    if action == "off":
        preferences.stop(standing, [request.POST.get("channel", "")], "preference_centre", words.tag, seen)
        return "done_off"
    if action == "off_all":
        preferences.stop(standing, list(standing.channels), "preference_centre", words.tag, seen)
        return "done_off"
    if not limits.allowed("preferences", token[-40:], most=CHANGES, seconds=HOUR):
        return None
    channel = request.POST.get("channel", "")
    if action == "topics" and channel in standing.channels:
        preferences.choose_topics(standing, Channel(channel), request.POST.getlist("topics"), words.tag, seen)
        return "saved"
    if action == "on" and channel in standing.channels:
        return preferences.start(person, shop, standing, Channel(channel), words, "switch_on", seen)
    return "saved"


@require_http_methods(["GET", "HEAD", "POST"])
@of_a_person
def unsubscribe(
    request: HttpRequest, token: str, person: Person, shop: Shop, standing: Standing, words: Words
) -> HttpResponse:
    """``/u/<token>``. GET shows the button; POST unsubscribes, whether by it or by a mail program (RFC 8058: body
    ``List-Unsubscribe=One-Click``, no cookie, no redirect)."""
    if request.method == "POST":
        if standing.still_on(person.channel) or limits.allowed("stop", token[-40:], most=5, seconds=HOUR):
            preferences.stop(standing, [person.channel], "unsubscribe_link", words.tag, public.evidence(request))
        _keep_reason(request, token, person, standing)
        if standing.gone:
            return public.neutral(request, "nobody", shop)
        return _left(request, token, person, shop, standing, words)
    if standing.gone:
        return public.neutral(request, "nobody", shop)
    mode = consent_settings.of(shop).unsubscribe_mode
    if mode == "CATEGORIES":
        return public.redirect(f"{reverse('preferences', args=[token])}?lang={words.tag}")
    return public.respond(
        request, "unsubscribe.html", shop, words, languages=texts.languages(), token=token,
        by_phone=person.channel != Channel.EMAIL, two_clicks=mode == "TWO_CLICKS", sure=request.GET.get("sure") == "1",
        reasons=_reasons(words),
    )  # fmt: skip


def _left(
    request: HttpRequest, token: str, person: Person, shop: Shop, standing: Standing, words: Words
) -> HttpResponse:
    """What follows an unsubscription: a way back, and a question."""
    said = bool(request.POST.get("reason"))
    custom = consent_settings.of(shop).unsubscribe_text
    best = texts.best([words.tag, shop.language], list(custom))
    return public.respond(
        request, "unsubscribed.html", shop, words, token=token, reasons=[] if said else _reasons(words),
        own_text=custom[best] if best else "", channel_name=getattr(words, person.channel),
        may_return=person.channel in standing.channels,
    )  # fmt: skip


@require_http_methods(["POST"])
@of_a_person
def again(
    request: HttpRequest, token: str, person: Person, shop: Shop, standing: Standing, words: Words
) -> HttpResponse:
    """*Re-Subscribe*: the person's own opt-in."""
    if standing.gone or person.channel not in standing.channels:
        return public.neutral(request, "nobody", shop)
    if not limits.allowed("preferences", token[-40:], most=CHANGES, seconds=HOUR):
        return public.neutral(request, "too_often", shop, status=429)
    notice = preferences.start(person, shop, standing, person.channel, words, "again_wording", public.evidence(request))
    return public.redirect(f"{reverse('preferences', args=[token])}?lang={words.tag}&notice={notice}")


@require_http_methods(["POST"])
@of_a_person
def why(request: HttpRequest, token: str, person: Person, shop: Shop, standing: Standing, words: Words) -> HttpResponse:
    _keep_reason(request, token, person, standing)
    return public.redirect(f"{reverse('preferences', args=[token])}?lang={words.tag}&notice=why_thanks")


def _keep_reason(request: HttpRequest, token: str, person: Person, standing: Standing) -> None:
    reason = request.POST.get("reason", "")
    if (
        reason in set(Feedback.Reason)
        and not standing.redacted
        and limits.allowed("why", token[-40:], most=3, seconds=HOUR)
    ):
        preferences.keep_reason(person, reason, request.POST.get("text", ""))


def _reasons(words: Words) -> list[tuple[str, str]]:
    return [(reason.value, getattr(words, f"reason_{reason.value}")) for reason in Feedback.Reason]
