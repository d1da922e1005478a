"""Campaigns: the list, the composer, and one campaign as it goes out."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from sayso.audience.selection import describe
from sayso.consent.models import Topic
from sayso.contacts.queries import suggested_tags
from sayso.messaging import queries as messaging
from sayso.messaging.models import Template
from sayso.shops.pages import Request, page

from . import actions, compose, queries
from .forms import CampaignForm
from .models import Campaign

LISTS = {
    "": ("Everybody", ()),
    "sent": ("Sent", queries.ACCEPTED),
    "waiting": ("Waiting", queries.OPEN),
    "failed": ("Failed", ("FAILED",)),
    "skipped": ("Skipped", ("SKIPPED",)),
    "unconfirmed": ("Unconfirmed", ("UNCONFIRMED",)),
    "left_out": ("Left out", ()),
}


@require_GET
@page("campaigns.view")
def index(request: Request) -> HttpResponse:

    campaigns = queries.listed(before=_id(request.GET, "before"), limit=queries.PAGE + 1)
    shown = campaigns[: queries.PAGE]
    figures = queries.figures_of(shown)
    context = {
        "campaigns": [(campaign, figures.get(campaign.pk), describe(campaign.audience)) for campaign in shown],
        "older": shown[-1].pk if len(campaigns) > queries.PAGE else None,
        "paged": "before" in request.GET,
        "live": any(campaign.status == Campaign.Status.PENDING for campaign in shown),
    }
    return render(request, "campaigns/list.html", context)


@require_http_methods(["GET", "POST"])
@page("campaigns.create")
def new(request: Request) -> HttpResponse:
    """The composer. *Save draft* keeps it, *Send now* launches it; what blocks it is said, and the draft stays."""

    templates, senders = messaging.approved_templates(), messaging.senders()
    topics = list(Topic.objects.order_by("title"))
    form = CampaignForm(request.POST or None, templates=templates, senders=senders, topics=topics)
    if request.method == "POST" and form.is_valid():
        campaign = actions.create(
            name=form.cleaned_data["name"],
            template_id=form.cleaned_data["template"].pk,
            sender_id=form.cleaned_data["sender"].pk,
            variables=[variable.mapping() for variable in form.variables],
            audience=form.chosen_audience,
            topic=form.cleaned_data["topic"],
            created_by=request.user.email[:64],
        )
        if request.POST.get("action") == "send":
            return _launch(request, campaign)
        messages.success(request, "Saved as a draft.")
        return redirect("campaign", campaign.pk)
    data: QueryDict = request.POST or request.GET
    context = _composer(request, data, templates) | {
        "form": form,
        "templates": templates,
        "senders": senders,
        "topics": topics,
        "tags": queries.tag_counts(suggested_tags()),
        "data": data,
        "sender_id": data.get("sender", ""),
    }
    return render(request, "campaigns/new.html", context, status=422 if request.method == "POST" else 200)


@require_GET
@page("campaigns.create")
def composer(request: Request) -> HttpResponse:
    """The part of the composer that follows the template: variables and preview."""
    return render(request, "campaigns/composer.html", _composer(request, request.GET, messaging.approved_templates()))


def _composer(request: Request, data: QueryDict, templates: list[Template]) -> dict[str, Any]:

    template = next((one for one in templates if str(one.pk) == data.get("template")), None)
    chosen = compose.variables(template, data) if template else []
    tag = data.get("tag", "").replace("\x00", "").strip()
    return {
        "chosen_template": template,
        "variables": chosen,
        "sources": [(key, name) for key, (name, _) in compose.SOURCES.items()],
        "static": compose.STATIC,
        "preview": compose.preview(template, chosen, request.shop.name) if template else None,
        "tag": tag,
        "by_tag": data.get("audience") == "tag" or ("audience" not in data and bool(tag)),
    }


@require_GET
@page("campaigns.view")
def reach(request: Request) -> HttpResponse:
    """Who gets it and who does not: of a draft (``campaign``), or of what is chosen in the composer."""
    if campaign_id := _id(request.GET, "campaign"):
        campaign = _campaign(campaign_id)
        if campaign.template_id is None:
            raise Http404(f"Campaign {campaign_id} has no template")
        counted = actions.reach(campaign.audience, campaign.template_id, campaign.topic)
        words = describe(campaign.audience)
        return render(request, "campaigns/reach.html", {"reach": counted, "audience_words": words})
    chosen = _composer(request, request.GET, messaging.approved_templates())
    context: dict[str, Any] = {"asking": chosen["chosen_template"] is not None}
    audience = {"tag": chosen["tag"]} if chosen["by_tag"] else {"all": True}
    if context["asking"] and audience != {"tag": ""}:
        context["reach"] = actions.reach(audience, chosen["chosen_template"].pk, request.GET.get("topic") or None)
        context["audience_words"] = describe(audience)
    return render(request, "campaigns/reach_part.html", context)


@require_GET
@page("campaigns.view")
def detail(request: Request, campaign_id: int) -> HttpResponse:
    """One campaign; asked again every few seconds while it goes out (``done`` and ``at`` give the pace)."""

    campaign = _campaign(campaign_id)
    figures = queries.Figures(actions.counts(campaign_id))
    at = request.GET.get("at", "")
    context: dict[str, Any] = {
        "campaign": campaign,
        "figures": figures,
        "pace": queries.pace(
            campaign, figures, done_before=_id(request.GET, "done"), at=float(at) if at.isdecimal() else None
        ),
        "now": int(timezone.now().timestamp()),
        "live": campaign.status == Campaign.Status.PENDING,
        "audience_words": describe(campaign.audience),
        "failed": queries.reasons(campaign_id, "FAILED"),
        "skipped": queries.reasons(campaign_id, "SKIPPED"),
        "left_out": queries.reasons_left_out(campaign_id),
        "template": Template.objects.filter(pk=campaign.template_id or 0).first(),
        "sender": next((one for one in messaging.senders() if one.pk == campaign.sender_id), None),
    }
    if request.htmx and not request.htmx.history_restore_request:
        return render(request, "campaigns/progress.html", context)
    if context["template"]:
        chosen = compose.stored(campaign.variables)
        context["preview"] = compose.preview(context["template"], chosen, request.shop.name)
    return render(request, "campaigns/detail.html", context)


@require_GET
@page("campaigns.view")
def recipients(request: Request, campaign_id: int) -> HttpResponse:
    """Who got it, who did not, and why; 50 a page."""
    campaign = _campaign(campaign_id)
    kind = request.GET.get("list", "")
    kind = kind if kind in LISTS else ""
    code, before = request.GET.get("code", "")[:40].replace("\x00", ""), _id(request.GET, "before")
    if kind == "left_out":
        found = queries.left_out(campaign_id, code=code, before=before)
    else:
        found = queries.recipients(campaign_id, statuses=LISTS[kind][1], code=code, before=before)
    context = {
        "campaign": campaign,
        "recipients": found[: queries.PAGE],
        "older": found[queries.PAGE - 1].pk if len(found) > queries.PAGE else None,
        "paged": before is not None,
        "kind": kind,
        "code": code,
        "lists": {key: name for key, (name, _) in LISTS.items()},
    }
    return render(request, "campaigns/recipients.html", context)


@require_POST
@page("campaigns.send")
def launch(request: Request, campaign_id: int) -> HttpResponse:
    return _launch(request, _campaign(campaign_id))


@require_POST
@page("campaigns.send")
def stop(request: Request, campaign_id: int) -> HttpResponse:
    """Send nothing more; what is out is out, the rest is skipped."""

    try:
        actions.stop(_campaign(campaign_id).pk, actor=_actor(request))
    except actions.LaunchBlocked as blocked:
        messages.error(request, " ".join(blocked.reasons))
    else:
        messages.success(request, "Stopped. Messages that were not handed over yet are skipped.")
    return redirect("campaign", campaign_id)


def _launch(request: Request, campaign: Campaign) -> HttpResponse:

    try:
        actions.launch(campaign.pk, actor=_actor(request))
    except actions.LaunchBlocked as blocked:
        for reason in blocked.reasons:
            messages.error(request, f"Not sent. {reason}")
    else:
        messages.success(request, "On its way. Consent is checked once more for each message.")
    return redirect("campaign", campaign.pk)


def _actor(request: Request) -> str:
    return request.user.email[:64]


def _campaign(campaign_id: int) -> Campaign:
    campaign = Campaign.objects.filter(pk=campaign_id).first()
    if campaign is None:
        raise Http404(f"No campaign {campaign_id} in this shop")
    return campaign


def _id(query: QueryDict, name: str) -> int | None:
    text = query.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 else None
