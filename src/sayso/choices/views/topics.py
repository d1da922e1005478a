"""Settings → Topics, and a contact's choices of them."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from sayso.consent.events import Channel
from sayso.consent.models import Topic
from sayso.consent.record import record
from sayso.contacts.queries import contact as find_contact
from sayso.shops.pages import Request, page

from .. import topics
from ..forms import TopicForm


@require_http_methods(["GET", "POST"])
@page("settings.view", change="settings.edit")
def index(request: Request) -> HttpResponse:
    form = TopicForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        topic = topics.create(**form.cleaned_data, actor_id=str(request.user.pk))
        messages.success(request, f"“{topic.title}” can be chosen now. Its key is {topic.key}.")
        return redirect("topics")
    context = {"topics": Topic.objects.order_by("title", "id"), "form": form}
    return render(request, "choices/topics.html", context, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "POST"])
@page("settings.edit")
def edit(request: Request, topic_id: int) -> HttpResponse:
    topic = get_object_or_404(Topic, pk=topic_id)
    form = TopicForm(request.POST or None, initial={"title": topic.title, "description": topic.description})
    if request.method == "POST" and form.is_valid():
        topics.rename(topic, **form.cleaned_data, actor_id=str(request.user.pk))
        messages.success(request, "Saved. The key stays as it is.")
        return redirect("topics")
    return render(request, "choices/topic.html", {"topic": topic, "form": form}, status=422 if form.is_bound else 200)


@require_POST
@page("settings.edit")
def delete(request: Request, topic_id: int) -> HttpResponse:
    topic = get_object_or_404(Topic, pk=topic_id)
    topics.delete(topic, actor_id=str(request.user.pk))
    messages.success(request, f"“{topic.title}” is gone. Nobody’s consent has changed.")
    return redirect("topics")


@require_POST
@page("contacts.edit")
def choose(request: Request, contact_id: int) -> HttpResponse:
    """Record the choices that a contact told us, on one channel. What the person switched off themself stays off."""
    contact = find_contact(contact_id)
    channel = request.POST.get("channel", "")
    if contact is None or channel not in set(Channel):
        raise Http404(f"No contact {contact_id} or no channel {channel[:20]!r}")
    declined = topics.declined_by_the_person(contact.pk)
    ticked = set(request.POST.getlist("topics"))
    known = list(Topic.objects.values_list("key", flat=True))
    held = sorted(key for key in known if key in ticked and (channel, key) in declined)
    wanted = {key: key in ticked and key not in held for key in known}
    outcomes = record(
        topics.events(
            contact.pk, Channel(channel), wanted, topics.choices_of(contact.pk), source="staff", actor_kind="staff",
            evidence={"actor_id": str(request.user.pk)},
        )
    )  # fmt: skip
    if held:
        messages.warning(request, "What the person switched off themself stays off; only they can switch it on again.")
    elif any(one.outcome == "REFUSED" for one in outcomes):
        messages.error(request, "This contact was erased on a privacy request; nothing can be recorded.")
    else:
        messages.success(request, "The choices are recorded.")
    return redirect("profile", contact.pk)
