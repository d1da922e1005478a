"""``/f/<key>``: the hosted form, alone or in a frame of the shop's pages. No session, no cookie."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from sayso.consent import settings as consent_settings
from sayso.shops.models import Shop
from sayso.shops.tenancy import shop_context

from .. import hosted, limits, public, submit, texts
from ..hosted import Filled, Showing
from ..models import Form
from ..tokens import Refused, Shown, read_shown, write_shown

HOUR = 3600
PER_NETWORK, PER_ADDRESS = 20, 5
"""Submissions an hour."""


@csrf_exempt  # no cookie is asked for; the form carries a signed token of its own
@require_http_methods(["GET", "HEAD", "POST"])
def form(request: HttpRequest, shop_id: int, key: str, embedded: bool = False) -> HttpResponse:
    shop, found = _find(shop_id, key)
    ancestors: list[str] = found.origins if found and embedded else []
    if shop is None or found is None or found.status == Form.Status.DRAFT:
        return public.neutral(request, "broken", status=404)
    if found.status == Form.Status.CLOSED:
        return public.neutral(request, "closed", shop, status=410, ancestors=ancestors)
    if request.method == "POST" and not limits.allowed(
        "form", f"{found.pk}:{limits.client(request)}", most=PER_NETWORK, seconds=HOUR
    ):
        return public.neutral(request, "too_often", shop, status=429, ancestors=ancestors)
    with shop_context(shop.pk):
        language = texts.choose(request, found.languages, shop=shop.language)
        shown = hosted.showing(found, language)
        if request.method != "POST":
            return _page(request, shop, shown, Filled(), ancestors=ancestors)
        return _post(request, shop, shown, ancestors)


def _find(shop_id: int, key: str) -> tuple[Shop | None, Form | None]:
    shop = public.live_shop(shop_id)
    if shop is None:
        return None, None
    with shop_context(shop.pk):
        return shop, Form.objects.filter(key=key, kind=Form.Kind.HOSTED).first()


def _post(request: HttpRequest, shop: Shop, showing: Showing, ancestors: list[str]) -> HttpResponse:
    if request.POST.get(hosted.HONEYPOT):
        return _thanks(request, showing, ancestors)
    token = _token(request, showing)
    filled = hosted.read(request.POST.dict(), ticked(request), showing, shop)
    if token is None or filled.errors:
        stale = "stale" if token is None else ""
        return _page(request, shop, showing, filled, ancestors=ancestors, stale=stale, status=422)
    if not limits.once("form", token.nonce, 24 * HOUR):  # a second click on the button
        return _thanks(request, showing, ancestors)
    if not all(_tries_left(shop, address) for address in filled.addresses.values()):
        return public.neutral(request, "too_often", shop, status=429, ancestors=ancestors)
    submit.hand_in(showing.form, token, filled, public.evidence(request, page=token.page))
    return _thanks(request, showing, ancestors)


def _tries_left(shop: Shop, address: str) -> bool:
    return limits.allowed("address", f"{shop.pk}:{address.lower()}", most=PER_ADDRESS, seconds=HOUR)


def ticked(request: HttpRequest) -> dict[str, list[str]]:
    return {name: request.POST.getlist(name) for name in ("channels", "topics")}


def _token(request: HttpRequest, showing: Showing) -> Shown | None:
    """What the person saw, if it is still what the form shows; else it has to be looked at again."""
    try:
        token = read_shown(request.POST.get("shown", ""))
    except Refused:
        return None
    form = showing.form
    same = (form.shop_id, form.pk, form.version, showing.language) == (
        token.shop_id, token.form_id, token.version, token.language,
    )  # fmt: skip
    return token if same and dict(token.wordings) == names(showing) else None


def names(showing: Showing) -> dict[str, str]:
    """Channel → the name of its wording."""
    return {channel: wording.name for channel, wording in showing.wordings.items()}


def _page(
    request: HttpRequest,
    shop: Shop,
    showing: Showing,
    filled: Filled,
    *,
    ancestors: list[str],
    status: int = 200,
    stale: str = "",
) -> HttpResponse:
    form = showing.form
    page = request.build_absolute_uri(request.path)
    framing = request.headers.get("Referer", "")
    if any(framing.startswith(f"{origin}/") for origin in ancestors):
        page = framing[:500]
    token = write_shown(shop.pk, form.pk, form.version, showing.language, names(showing), page)
    return public.respond(
        request, "form.html", shop, texts.words(showing.language), status=status, ancestors=ancestors,
        languages=form.languages, showing=showing, filled=filled, shown=token, kiosk=False,
        decided=consent_settings.of(shop), stale=stale,
    )  # fmt: skip


def _thanks(request: HttpRequest, showing: Showing, ancestors: list[str]) -> HttpResponse:
    name = "form_thanks_embedded" if ancestors else "form_thanks"
    address = reverse(name, args=[showing.form.shop_id, showing.form.key])
    return public.redirect(f"{address}?lang={showing.language}", ancestors=ancestors)


@require_http_methods(["GET", "HEAD"])
def thanks(request: HttpRequest, shop_id: int, key: str, embedded: bool = False) -> HttpResponse:
    """The same for everybody, whatever was filled in and whatever is known."""
    shop, found = _find(shop_id, key)
    if shop is None or found is None or found.status == Form.Status.DRAFT:
        return public.neutral(request, "broken", status=404)
    words = texts.words(texts.choose(request, found.languages, shop=shop.language))
    back = reverse("form_embedded" if embedded else "form", args=[shop_id, key])
    return public.respond(
        request,
        "thanks.html",
        shop,
        words,
        ancestors=found.origins if embedded else (),
        back=f"{back}?lang={words.tag}",
    )


def embedded(request: HttpRequest, shop_id: int, key: str) -> HttpResponse:
    return form(request, shop_id, key, embedded=True)


def embedded_thanks(request: HttpRequest, shop_id: int, key: str) -> HttpResponse:
    return thanks(request, shop_id, key, embedded=True)


embedded.csrf_exempt = True  # type: ignore[attr-defined]  # as `form` is
