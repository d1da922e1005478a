"""Audience → Forms: making and publishing forms, opening a tablet, and why people left."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from sayso.consent import settings as consent_settings
from sayso.shops.pages import Request, page

from .. import hosted, manage, public, queries, texts
from ..forms import CHANNELS, FormForm
from ..hosted import Filled
from ..links import absolute
from ..models import Form
from ..tokens import Kiosk, write_kiosk


@require_GET
@page("settings.view")
def index(request: Request) -> HttpResponse:
    return render(request, "choices/forms.html", {"forms": manage.listed(), "channel_names": CHANNELS})


@require_http_methods(["GET", "POST"])
@page("settings.edit")
def new(request: Request) -> HttpResponse:
    form = FormForm(request.POST or None, topics=manage.topic_choices(), initial=_beginning(request))
    if request.method == "POST" and form.is_valid():
        content = {"topics": []} | form.content
        made = manage.create(content.pop("kind"), actor_id=str(request.user.pk), **content)
        messages.success(request, "The form is a draft. Nobody sees it before you publish it.")
        return redirect("form_detail", made.pk)
    return render(request, "choices/form_new.html", {"form": form}, status=422 if form.is_bound else 200)


def _beginning(request: Request) -> dict[str, object]:
    """What a new form begins with."""
    return {
        "kind": Form.Kind.HOSTED.value,
        "channels": [consent_settings.of(request.shop).primary_channel],
        "languages": [texts.best([request.shop.language], texts.languages()) or texts.DEFAULT],
    }


@require_http_methods(["GET", "POST"])
@page("settings.view", change="settings.edit")
def detail(request: Request, form_id: int) -> HttpResponse:
    found = get_object_or_404(Form, pk=form_id)
    form = FormForm(request.POST or None, topics=manage.topic_choices(), form=found)
    if request.method == "POST" and form.is_valid():
        manage.change(found, actor_id=str(request.user.pk), **form.content)
        messages.success(request, "Saved.")
        return redirect("form_detail", found.pk)
    problems = manage.problems(found, request.shop)
    context = {
        "found": found,
        "form": form,
        "problems": problems,
        "lacking": bool(manage.missing(found)),
        "wordings": queries.wordings_of(found),
        "submissions": queries.submissions_of(found.pk),
        "channel_names": CHANNELS,
        "address": _address(request, "form", found),
        "frame": _address(request, "form_embedded", found),
    }
    return render(request, "choices/form_detail.html", context, status=422 if form.is_bound else 200)


def _address(request: Request, name: str, form: Form) -> str:
    """As the public reaches it; on this host where no public address is set."""
    return request.build_absolute_uri(absolute(name, form.shop_id, form.key))


@require_POST
@page("settings.edit")
def set_status(request: Request, form_id: int) -> HttpResponse:
    """*Publish* and *Close*. A closed form can be published again."""
    found, actor = get_object_or_404(Form, pk=form_id), str(request.user.pk)
    if request.POST.get("status") == Form.Status.CLOSED:
        manage.close(found, actor_id=actor)
        messages.success(request, "The form is closed. Its address says so from now on.")
    elif problems := manage.problems(found, request.shop):
        messages.error(request, f"Not published: {problems[0].text}")
    else:
        manage.publish(found, actor_id=actor)
        messages.success(request, "The form is published.")
    return redirect("form_detail", found.pk)


@require_POST
@page("settings.edit")
def suggest_wordings(request: Request, form_id: int) -> HttpResponse:
    found = get_object_or_404(Form, pk=form_id)
    number = manage.use_suggested(found, request.shop, actor=request.user.email[:64])
    messages.success(
        request, f"{number} suggested text{'' if number == 1 else 's'} stored as wording. Read them below."
    )
    return redirect("form_detail", found.pk)


@require_GET
@page("settings.view")
def preview(request: Request, form_id: int) -> HttpResponse:
    """The form as people will see it; it cannot be sent."""
    found = get_object_or_404(Form, pk=form_id)
    language = texts.choose(request, found.languages, shop=request.shop.language)
    return public.respond(
        request, "form.html", request.shop, texts.words(language), languages=found.languages, preview=True,
        showing=hosted.showing(found, language), filled=Filled(), kiosk=found.kind == Form.Kind.IN_STORE,
        decided=consent_settings.of(request.shop),
    )  # fmt: skip


@require_POST
@page("consent.record_opt_in")
def open_kiosk(request: Request, form_id: int) -> HttpResponse:
    """Turn this browser into the tablet: sign out, so that there is nothing else to reach, and show the form."""
    found = get_object_or_404(Form, pk=form_id, kind=Form.Kind.IN_STORE)
    place = " ".join(request.POST.get("place", "").replace("\x00", "").split())[:120]
    if found.status != Form.Status.PUBLISHED or not place:
        messages.error(request, "Name the place." if not place else "Publish the form first.")
        return redirect("form_detail", found.pk)
    manage.kiosk_opened(found, place, actor_id=str(request.user.pk))
    token = write_kiosk(Kiosk(request.shop.pk, found.pk, request.user.pk, place))
    logout(request)
    return redirect(reverse("kiosk", args=[token]))


@require_GET
@page("consent.view")
def reasons(request: Request) -> HttpResponse:
    return render(request, "choices/reasons.html", queries.reasons())
