"""Settings → Consent → Wordings: every version of every text that people agree to."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from sayso.consent import wordings
from sayso.events.models import Event
from sayso.shops.pages import Request, page

from .. import checklist, texts
from ..forms import CHANNELS, WordingForm


@require_GET
@page("settings.view")
def index(request: Request) -> HttpResponse:
    purpose = request.GET.get("purpose", "")
    purpose = purpose if purpose in wordings.PURPOSES else wordings.CHECKOUT
    context = {
        "purpose": purpose,
        "purposes": wordings.PURPOSES,
        "lines": [
            (CHANNELS[channel], language, texts.languages().get(language, ""), channel, versions)
            for (channel, language), versions in wordings.history(purpose).items()
        ],
        "missing": checklist.missing_checkout_wordings(request.shop) if purpose == wordings.CHECKOUT else [],
        "channel_names": CHANNELS,
    }
    return render(request, "choices/wordings.html", context)


@require_http_methods(["GET", "POST"])
@page("settings.edit")
def new(request: Request) -> HttpResponse:
    """The next version of a text; GET begins with the one that stands."""
    given = {name: request.GET.get(name, "").replace("\x00", "") for name in ("purpose", "channel", "language")}
    if request.method != "POST":
        standing = wordings.current(given["purpose"], given["language"], [given["channel"]])
        before = standing.get(given["channel"])
        form = WordingForm(initial=given | {"text": before.text if before else _suggestion(request, given)})
        return render(request, "choices/wording_new.html", {"form": form, "before": before})
    form = WordingForm(request.POST)
    if not form.is_valid():
        return render(request, "choices/wording_new.html", {"form": form}, status=422)
    stored = wordings.add(**form.cleaned_data, created_by=request.user.email[:64])
    Event.objects.create(
        shop_id=request.shop.pk, kind="wording.added", occurred_at=stored.created_at, actor_kind="staff",
        actor_id=str(request.user.pk), origin="settings", data={"wording": stored.name},
    )  # fmt: skip
    messages.success(request, f"Stored as version {stored.version}. Earlier versions stay as they were.")
    return redirect(f"{reverse('wordings')}?purpose={stored.purpose}")


def _suggestion(request: Request, given: dict[str, str]) -> str:
    """Our text to begin with; none for a checkout, whose text is written in Shopify."""
    best = texts.best([given["language"]], texts.languages())
    if given["purpose"] == wordings.CHECKOUT or given["channel"] not in CHANNELS or best is None:
        return ""
    return texts.words(best).say(f"default_{given['channel']}", shop=request.shop.name)
