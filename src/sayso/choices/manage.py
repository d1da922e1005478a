"""Making, changing and publishing forms; each is an event with its author."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Count, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import get_random_string

from sayso.consent import settings as consent_settings
from sayso.consent import wordings
from sayso.consent.models import Topic
from sayso.events.models import Event
from sayso.shops.models import Shop
from sayso.shops.tenancy import current_shop_id

from . import texts
from .forms import CHANNELS
from .hosted import missing_wordings
from .models import Form, Submission

SHOWN = ("title", "intro", "translations", "channels", "topics", "languages", "asks_name")
"""What people see: a change of it is another version."""


@dataclass(frozen=True)
class Problem:
    """Why a form cannot be published, and where that is mended."""

    text: str
    url: str
    link: str


def create(kind: str, *, actor_id: str, **content: Any) -> Form:
    form = Form(shop_id=current_shop_id(), kind=kind, key=get_random_string(14), **content)
    form.save()
    _tell(form, "form.changed", actor_id, {"version": 1} | {name: getattr(form, name) for name in SHOWN})
    return form


def change(form: Form, *, actor_id: str, **content: Any) -> None:
    """Store what differs; the event keeps what each version showed."""
    changed = {name: value for name, value in content.items() if getattr(form, name) != value}
    if not changed:
        return
    for name, value in changed.items():
        setattr(form, name, value)
    form.version += bool(changed.keys() & set(SHOWN))
    form.changed_at = timezone.now()
    form.save()
    _tell(form, "form.changed", actor_id, {"version": form.version} | {name: getattr(form, name) for name in content})


def publish(form: Form, *, actor_id: str) -> None:
    form.status, form.changed_at = Form.Status.PUBLISHED, timezone.now()
    form.save(update_fields=["status", "changed_at"])
    _tell(form, "form.published", actor_id, {"version": form.version})


def close(form: Form, *, actor_id: str) -> None:
    """Take the form away from the public; its address then says so."""
    form.status, form.changed_at = Form.Status.CLOSED, timezone.now()
    form.save(update_fields=["status", "changed_at"])
    _tell(form, "form.closed", actor_id, {"version": form.version})


def kiosk_opened(form: Form, place: str, *, actor_id: str) -> None:
    _tell(form, "kiosk.opened", actor_id, {"place": place})


def _tell(form: Form, kind: str, actor_id: str, data: dict[str, Any]) -> None:
    Event.objects.create(
        shop_id=form.shop_id, kind=kind, occurred_at=timezone.now(), actor_kind="staff", actor_id=actor_id,
        origin="form", data={"form": form.pk, "title": form.title} | data,
    )  # fmt: skip


def problems(form: Form, shop: Shop) -> list[Problem]:
    """What keeps the form from being published; empty where nothing does."""
    decided, found = consent_settings.of(shop), []
    pages = reverse("public_pages")
    for address, what in ((decided.terms_url, "terms"), (decided.privacy_policy_url, "privacy policy")):
        if not address:
            found.append(Problem(f"The address of the {what} is missing.", pages, "Set it"))
    for channel, language in missing(form):
        text = f"There is no wording for {CHANNELS[channel]} in {texts.languages().get(language, language)}."
        found.append(Problem(text, _write(form, channel, language), "Write it"))
    return found


def _write(form: Form, channel: str, language: str) -> str:
    return f"{reverse('wording_new')}?purpose={form.purpose}&channel={channel}&language={language}"


def missing(form: Form) -> list[tuple[str, str]]:
    """(channel, language) without a wording."""
    return missing_wordings(form, {language: texts.words(language) for language in form.languages})


def use_suggested(form: Form, shop: Shop, *, actor: str) -> int:
    """Store our suggested text for each wording that the form lacks; answers how many."""
    name = consent_settings.of(shop).controller_name or shop.name
    lacking = missing(form)
    for channel, language in lacking:
        text = texts.words(language).say(f"default_{channel}", shop=name)
        wordings.add(form.purpose, channel, language, text, created_by=actor)
    return len(lacking)


def listed() -> list[tuple[Form, int, int]]:
    """(form, submissions of the last 30 days, waiting to be taken), the newest form first."""
    since = timezone.now() - timedelta(days=30)
    counted = {
        row["form_id"]: (row["recent"], row["waiting"])
        for row in Submission.objects.filter(Q(submitted_at__gte=since) | Q(taken_at__isnull=True))
        .values("form_id")
        .annotate(recent=Count("id"), waiting=Count("id", filter=Q(taken_at__isnull=True)))
    }
    return [(form, *counted.get(form.pk, (0, 0))) for form in Form.objects.order_by("-id")]


def topic_choices() -> list[tuple[str, str]]:
    return list(Topic.objects.order_by("title", "id").values_list("key", "title"))
