"""Settings → Consent → Public pages, and the set-up checklist."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from sayso.consent import settings as consent_settings
from sayso.shops.pages import Request, page

from .. import checklist, texts
from ..forms import PublicPagesForm


@require_http_methods(["GET", "POST"])
@page("settings.view", change="settings.edit")
def public_pages(request: Request) -> HttpResponse:
    decided = consent_settings.of(request.shop)
    initial = {name: getattr(decided, name) for name in PublicPagesForm.base_fields}
    form = PublicPagesForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        consent_settings.change(request.shop, actor_kind="staff", actor_id=str(request.user.pk), **form.cleaned_data)
        messages.success(request, "Saved. The public pages show it from now on.")
        return redirect("public_pages")
    context = {"form": form, "languages": texts.languages().values()}
    return render(request, "choices/public_pages.html", context, status=422 if form.is_bound else 200)


@require_GET
@page("settings.view")
def set_up(request: Request) -> HttpResponse:
    return render(request, "choices/set_up.html", {"items": checklist.items(request.shop)})
