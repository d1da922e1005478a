"""Handing in a form: stored at once, taken by the worker.

The answer must not tell whether a number is known, neither by its words nor by its time. So nothing is looked up while the
person waits: whatever was filled in, one row is written and one job queued.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from sayso.consent.events import PHONE_CHANNELS, Channel, ConsentEvent
from sayso.consent.models import Wording
from sayso.consent.record import record
from sayso.consent.wordings import named
from sayso.contacts.addresses import email_key, phone_key, shop_secret
from sayso.contacts.api import by_key
from sayso.contacts.apply import Actor, apply
from sayso.contacts.changes import ContactChange, Profile, Source
from sayso.events.models import Event
from sayso.shops.tenancy import shop_context

from .hosted import Filled
from .models import Form, Submission
from .tokens import Shown

BATCH = 500


def hand_in(form: Form, shown: Shown, filled: Filled, evidence: dict[str, Any]) -> Submission:
    """Store what was filled in, for :func:`take`. In the transaction of the caller, as is the job."""
    from .tasks import take_up

    submission = Submission.objects.create(
        shop_id=form.shop_id,
        form_id=form.pk,
        form_version=shown.version,
        language=shown.language,
        channels=filled.channels,
        topics=filled.topics,
        wordings={channel: shown.wordings[channel] for channel in filled.channels},
        given=filled.addresses | {"name": filled.name, "evidence": evidence},
        submitted_at=timezone.now(),
    )
    take_up.configure(lock=f"choices.take_up:{form.shop_id}").defer(shop_id=form.shop_id)
    return submission


def take(shop_id: int) -> int:
    """Bring every waiting submission of a shop through the doors; answers how many. Safe to repeat and to interrupt."""
    taken = 0
    while True:
        with shop_context(shop_id):
            waiting = Submission.objects.filter(taken_at__isnull=True).select_for_update(skip_locked=True)
            batch = list(waiting.order_by("id")[:BATCH])
            _take(shop_id, batch)
        taken += len(batch)
        if len(batch) < BATCH:
            return taken


@dataclass(frozen=True)
class _Address:
    """One address of one submission."""

    submission: int  # position in the batch
    kind: str  # phone, email
    key: bytes


def _take(shop_id: int, batch: list[Submission]) -> None:
    if not batch:
        return
    owners = _owners(shop_id, batch)
    forms = Form.objects.in_bulk({one.form_id for one in batch})
    texts = named({name for one in batch for name in one.wordings.values()})
    record(
        [event for number, one in enumerate(batch) for event in _events(one, forms[one.form_id], owners, number, texts)]
    )
    Event.objects.bulk_create(
        Event(
            shop_id=shop_id, kind="form.submitted", contact_id=contact_id, occurred_at=one.submitted_at,
            actor_kind="customer", origin=forms[one.form_id].purpose,
            data={"form": one.form_id, "submission": one.pk, "channels": one.channels, "topics": one.topics},
        )
        for number, one in enumerate(batch)
        for contact_id in sorted({owners[number, kind] for kind in ("phone", "email") if (number, kind) in owners})
    )  # fmt: skip
    for number, one in enumerate(batch):
        one.contacts = sorted({contact for (position, _), contact in owners.items() if position == number})
        one.taken_at, one.given = timezone.now(), None
    Submission.objects.bulk_update(batch, ["contacts", "taken_at", "given"])


def _owners(shop_id: int, batch: list[Submission]) -> dict[tuple[int, str], int]:
    """(position in the batch, kind of address) → the contact that it belongs to.

    Somebody at a form has proved nothing yet, so a known contact is left as it is, blanks included: whoever holds the
    number is meant by the number, whoever holds the e-mail address by that, and they may be two. Only where neither is
    known there is one new contact with both. Its facts carry no time: whatever Shopify says later is newer.
    """
    secret = shop_secret(shop_id)
    addresses = [
        _Address(number, kind, hashing(secret, _given(one)[kind]))
        for number, one in enumerate(batch)
        for kind, hashing in (("phone", phone_key), ("email", email_key))
        if _given(one).get(kind)
    ]
    known = {
        (kind, key): contact.pk
        for kind in ("phone", "email")
        if (keys := {one.key for one in addresses if one.kind == kind})
        for key, contact in by_key(f"{kind}_key", keys).items()
    }
    unknown: dict[int, list[_Address]] = defaultdict(list)
    first: dict[tuple[str, bytes], int] = {}  # of several who give one new address the first makes the contact
    for one in addresses:
        if (one.kind, one.key) not in known and first.setdefault((one.kind, one.key), one.submission) == one.submission:
            unknown[one.submission].append(one)
    applied = apply(
        [_new_contact(batch[number], {one.kind for one in own}) for number, own in unknown.items()],
        actor=Actor("customer"),
    )
    for own, result in zip(unknown.values(), applied, strict=True):
        known |= {(one.kind, one.key): result.contact_id for one in own}
    return {(one.submission, one.kind): known[one.kind, one.key] for one in addresses}


def _given(one: Submission) -> dict[str, Any]:
    """What was filled in; there until the submission is taken."""
    given: dict[str, Any] = one.given or {}
    return given


def _new_contact(one: Submission, kinds: set[str]) -> ContactChange:
    given = {kind: _given(one)[kind] for kind in kinds}
    profile = Profile(first_name=_given(one).get("name") or None, locale=one.language, **given)
    return ContactChange(source=Source.FORM, profile=profile, fields=frozenset({"first_name", "locale", *kinds}))


def _events(
    one: Submission, form: Form, owners: dict[tuple[int, str], int], number: int, texts: dict[str, Wording]
) -> list[ConsentEvent]:
    """An opt-in a ticked channel, with the text that was shown, and the ticked topics. A box left unticked says nothing."""
    at_till = form.kind == Form.Kind.IN_STORE
    shared = {"form": form.pk, "form_title": form.title, "form_version": one.form_version, "reference": one.pk}
    events = []
    for channel in map(Channel, one.channels):
        kind = "phone" if channel in PHONE_CHANNELS else "email"
        text = texts.get(one.wordings[channel])
        evidence = _given(one)["evidence"] | shared | {"wording": text.text if text else ""}

        def event(
            what: str, topic: str | None, channel: Channel = channel, kind: str = kind, evidence: dict = evidence
        ) -> ConsentEvent:
            return ConsentEvent(
                contact_id=owners[number, kind], channel=channel, event=what, occurred_at=one.submitted_at,
                source=form.purpose, address=_given(one)[kind], topic=topic, wording_version=one.wordings[channel],
                language=one.language, evidence=evidence,
            )  # fmt: skip

        events.append(event("OPT_IN_UNCONFIRMED" if at_till else "OPT_IN", None))
        events += [event("TOPIC_ON", topic) for topic in one.topics]
    return events
