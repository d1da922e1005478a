"""What every public page begins and ends with: a shop without a session, its words and colours, and strict headers.

Nothing here asks who is signed in: a token in the address is the only authority, so there is no cookie for another site to
ride on, and Django's CSRF check, which compares cookies, has nothing to add.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string

from sayso.consent import settings as consent_settings
from sayso.shops.models import Shop

from . import texts
from .texts import Words

BIGGEST_ID = 2**63 - 1
POLICY = (
    "default-src 'none'; script-src {scripts}; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none';"
    " frame-ancestors {ancestors}"
)


def live_shop(shop_id: int) -> Shop | None:
    """The shop of a token, where it is still there."""
    return Shop.objects.filter(pk=shop_id).first() if 0 < shop_id <= BIGGEST_ID else None


def respond(
    request: HttpRequest, template: str, shop: Shop | None, words: Words, *, status: int = 200, script: bool = False,
    ancestors: Collection[str] = (), languages: Collection[str] = (), **context: Any,
) -> HttpResponse:  # fmt: skip
    """Render a public page. ``ancestors``: origins that may show it in a frame (none else may); ``script``: it has one of
    ours; ``languages``: those it offers."""
    decided = consent_settings.of(shop) if shop else consent_settings.Settings()
    known = texts.languages()
    context |= {
        "words": words,
        "shop_name": (decided.controller_name or shop.name) if shop else "",
        "colour": decided.brand_colour.lstrip("#").lower(),
        "settings": decided,
        "languages": [(tag, known.get(tag, tag)) for tag in languages] if len(languages) > 1 else [],
        "framed": bool(ancestors),
    }
    response = HttpResponse(render_to_string(f"choices/{template}", context), status=status)
    return _strict(response, script=script, ancestors=ancestors)


def redirect(address: str, *, ancestors: Collection[str] = ()) -> HttpResponse:
    """303: the answer to a form is another page, so that going back does not send it twice."""
    response = HttpResponseRedirect(address)
    response.status_code = 303
    return _strict(response, ancestors=ancestors)


def _strict(response: HttpResponse, *, script: bool = False, ancestors: Collection[str] = ()) -> HttpResponse:
    headers = {
        "Content-Security-Policy": POLICY.format(
            scripts="'self'" if script else "'none'", ancestors=" ".join(ancestors) or "'none'"
        ),
        "Cache-Control": "no-store",
        "X-Robots-Tag": "noindex",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=()",
    }
    for name, value in headers.items():
        response[name] = value
    if ancestors:
        response.xframe_options_exempt = True  # else the middleware adds DENY
    return response


def neutral(
    request: HttpRequest, what: str, shop: Shop | None = None, *, status: int = 200, **options: Any
) -> HttpResponse:
    """A page that says only that there is nothing here: ``broken``, ``nobody``, ``closed``, ``too_often`` …"""
    words = texts.words(texts.choose(request, texts.languages(), shop=shop.language if shop else ""))
    heading, text = _named(words, shop, what)
    return respond(request, "neutral.html", shop, words, status=status, heading=heading, text=text, **options)


def _named(words: Words, shop: Shop | None, what: str) -> tuple[str, str]:
    name = (consent_settings.of(shop).controller_name or shop.name) if shop else ""
    if what == "too_often":
        return words.too_often, ""
    return words.say(what, shop=name), words.say(f"{what}_text", shop=name)


def person_words(request: HttpRequest, shop: Shop, *known: str | None) -> Words:
    """In the language of a person of whom something is known."""
    return texts.words(texts.choose(request, texts.languages(), person=known, shop=shop.language))


def evidence(request: HttpRequest, **more: Any) -> dict[str, Any]:
    """What shows how something was said: page, IP address, browser. Of the page only where it is, never its token: who
    reads a proof must not be able to speak for the person."""
    return {
        "page": request.build_absolute_uri("/" + request.path.split("/")[1]),
        "ip": request.META.get("REMOTE_ADDR", ""),
        "user_agent": request.headers.get("User-Agent", "")[:500],
    } | more
