"""``/k/<token>``: an in-store form on the shop's tablet, filled in by the customer. No session, no way out of the page."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from sayso.consent import settings as consent_settings
from sayso.shops.models import Membership, Shop, User
from sayso.shops.roles import may
from sayso.shops.tenancy import shop_context

from .. import hosted, limits, public, submit, texts
from ..hosted import Filled
from ..models import Form
from ..tokens import Kiosk, Refused, read_kiosk, read_shown, write_shown
from .hosted import HOUR, PER_ADDRESS, names, ticked

PER_TABLET = 120
"""Submissions an hour; a shop's tablets share an IP address, so that is no measure here."""

PERMISSION = "consent.record_opt_in"


def _open(token: str) -> tuple[Kiosk, Shop, Form, User] | None:
    """What the token opens, as long as the form is published and who opened it may still do so."""
    try:
        kiosk = read_kiosk(token)
    except Refused:
        return None
    shop = public.live_shop(kiosk.shop_id)
    user = User.objects.filter(pk=kiosk.user_id, is_active=True).first()
    if shop is None or user is None:
        return None
    role = Membership.objects.filter(shop=shop, user=user).values_list("role", flat=True).first()
    if not (user.is_platform_owner or may(role, PERMISSION)):
        return None
    with shop_context(shop.pk):
        form = Form.objects.filter(pk=kiosk.form_id, kind=Form.Kind.IN_STORE, status=Form.Status.PUBLISHED).first()
    return (kiosk, shop, form, user) if form else None


@csrf_exempt  # the token in the address is the only authority here, there is no cookie
@require_http_methods(["GET", "HEAD", "POST"])
def kiosk(request: HttpRequest, token: str) -> HttpResponse:
    opened = _open(token)
    if opened is None:
        return public.neutral(request, "broken", status=404)
    about, shop, form, user = opened
    if request.method == "POST" and not limits.allowed("kiosk", token[-40:], most=PER_TABLET, seconds=HOUR):
        return public.neutral(request, "too_often", shop, status=429)
    with shop_context(shop.pk):
        language = texts.choose(request, form.languages, shop=shop.language)
        showing = hosted.showing(form, language)
        filled, stale = Filled(), ""
        if request.method == "POST":
            filled = hosted.read(request.POST.dict(), ticked(request), showing, shop)
            try:
                shown = read_shown(request.POST.get("shown", ""))
                current = (shown.form_id, shown.version, shown.language) == (form.pk, form.version, language)
                stale = "" if current and dict(shown.wordings) == names(showing) else "stale"
            except Refused:
                stale = "stale"
            if not stale and not filled.errors:
                if limits.once("form", shown.nonce, 24 * HOUR):
                    for address in filled.addresses.values():
                        if not limits.allowed(
                            "address", f"{shop.pk}:{address.lower()}", most=PER_ADDRESS, seconds=HOUR
                        ):
                            return public.neutral(request, "too_often", shop, status=429)
                    seen = public.evidence(request, place=about.place, actor_id=str(user.pk), staff=str(user))
                    submit.hand_in(form, shown, filled, seen)
                return public.redirect(reverse("kiosk_thanks", args=[token]) + f"?lang={language}")
        page = request.build_absolute_uri("/k")
        return public.respond(
            request, "form.html", shop, texts.words(language), script=True, languages=form.languages, showing=showing,
            filled=filled, stale=stale, kiosk=True, start=reverse("kiosk", args=[token]),
            shown=write_shown(shop.pk, form.pk, form.version, language, names(showing), page),
            decided=consent_settings.of(shop), status=422 if stale or filled.errors else 200,
        )  # fmt: skip


@require_http_methods(["GET", "HEAD"])
def thanks(request: HttpRequest, token: str) -> HttpResponse:
    opened = _open(token)
    if opened is None:
        return public.neutral(request, "broken", status=404)
    _, shop, form, _ = opened
    words = texts.words(texts.choose(request, form.languages, shop=shop.language))
    start = reverse("kiosk", args=[token])
    return public.respond(request, "thanks.html", shop, words, script=True, kiosk=True, back=start)
