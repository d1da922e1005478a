"""What sayso answers of its own accord: an opt-out is acknowledged, an opt-in asked to be confirmed, a new subscriber told
how to stop. Consent never sends (decision: *Consent tells, messaging sends*), so this reads its events.

Every answer belongs to one entry of the ledger; which entries are owed one, and what speaks against it, is decided in the
database (``sql/18_replies.sql``). Here only the words, the sender and the template are chosen.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import connection

from sayso.consent import settings
from sayso.consent.links import link
from sayso.consent.settings import Settings
from sayso.contacts.models import Contact
from sayso.events.consumers import Seen, consumer
from sayso.shops.models import Shop
from sayso.shops.tenancy import current_shop_id

from . import texts
from .models import Sender, Template
from .send import Answer, Mapping, answer, mappings

ORIGIN = "SYSTEM"


@dataclass(frozen=True, slots=True)
class Owed:
    """An entry of the ledger that may be answered."""

    ledger_id: int
    contact_id: int
    channel: str
    purpose: str
    language: str | None  # of the text the person saw when they acted
    sender_id: int | None  # that got the person's last message, within the window


@consumer("messaging.replies", "consent.changed", "consent.confirmation_requested")
def consent_changed(seen: Sequence[Seen]) -> None:
    """Answer what these events say, as far as the shop wants it answered."""
    _reply(_owed(_WRITTEN_WITH, [event.id for event in seen]))


@consumer("messaging.late_confirmations", "message.created")
def message_received(seen: Sequence[Seen]) -> None:
    """Ask whoever writes to us for the confirmation that could not be asked for when they opted in: there was neither a
    template nor an open window. Their message opens one."""
    _reply(_owed(_NEVER_ASKED, sorted({event.contact_id for event in seen if event.contact_id})))


def _reply(owed: Sequence[Owed]) -> None:
    if not owed:
        return
    shop = Shop.objects.get(pk=current_shop_id())
    chosen = settings.of(shop)
    wanted = [one for one in owed if _wanted(one, chosen)]
    contacts = Contact.objects.in_bulk({one.contact_id for one in wanted})
    senders = _first_senders()
    templates = _confirmation_templates(chosen) if any(one.purpose == "CONFIRMATION" for one in wanted) else {}
    answer(
        [
            _answer(one, contacts[one.contact_id], shop, chosen, senders, templates)
            for one in wanted
            if one.contact_id in contacts
        ]
    )


def _wanted(owed: Owed, chosen: Settings) -> bool:
    if owed.purpose == "OPT_OUT_ACK":
        return chosen.opt_out_ack.get(owed.channel, False)  # type: ignore[call-overload]
    if owed.purpose == "NOTICE":
        return chosen.confirmation(owed.channel) == "NOTICE"
    return True


_WRITTEN_WITH = """select l.* from event e
    join consent_ledger l on l.shop_id = e.shop_id and l.contact_id = e.contact_id and l.xid = e.xid
    where e.shop_id = current_shop() and e.id = any(%s) and l.event in (select event from message_reply_rules())
    and case e.kind when 'consent.confirmation_requested' then l.id = (e.data ->> 'ledger_id')::bigint
        else l.event <> 'OPT_IN_UNCONFIRMED' end"""
"""The entries that were written together with these events."""

_NEVER_ASKED = """select distinct on (l.contact_id, l.channel) l.* from unnest(%s::bigint[]) n (contact_id)
    join lateral (
        select * from consent_ledger l where l.shop_id = current_shop() and l.contact_id = n.contact_id
        and l.event = 'OPT_IN_UNCONFIRMED' and not exists (
            select from message m where m.shop_id = l.shop_id and m.origin = 'SYSTEM' and m.origin_id = l.id) offset 0
    ) l on true order by l.contact_id, l.channel, l.id desc"""
"""The newest entry of each of these contacts that is to be confirmed, where no question was ever sent for it."""


def _owed(entries: str, wanted: list[int]) -> list[Owed]:
    """The entries that an answer is for, of those that the statement ``entries`` finds for ``wanted``.

    The sender is the number that the person's newest message went to, as long as its window is open: answers stay in the
    conversation they belong to.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"""select l.id, l.contact_id, l.channel, message_reply_purpose(l.id, l.contact_id, l.channel) as purpose,
                l.language, heard.sender_id
            from ({entries}) l
            left join lateral (
                select m.sender_id from message m where m.shop_id = l.shop_id and m.contact_id = l.contact_id
                and m.channel = l.channel and m.direction = 'IN' and m.queued_at > now() - interval '24 hours'
                and m.sender_id is not null order by m.queued_at desc limit 1
            ) heard on true
            order by l.id""",  # noqa: S608 (one of the two above)
            [wanted],
        )
        return [Owed(*row) for row in cursor.fetchall() if row[3] is not None]


def _answer(
    owed: Owed,
    contact: Contact,
    shop: Shop,
    chosen: Settings,
    senders: dict[str, int],
    templates: dict[str, int],
) -> Answer:
    languages = [owed.language, contact.language, contact.locale, shop.language]
    sender = owed.sender_id or senders.get(owed.channel)
    if owed.purpose == "CONFIRMATION" and owed.sender_id is None and owed.channel == "whatsapp" and templates:
        template = texts.pick({name: str(pk) for name, pk in templates.items()}, [*languages, "en"])
        chosen_template = int(template) if template else next(iter(templates.values()))
        return Answer(owed.ledger_id, owed.contact_id, owed.channel, sender, template_id=chosen_template)
    page = _public(link("confirmation", owed.contact_id, owed.channel)) if owed.purpose == "CONFIRMATION" else None
    body = texts.compose(owed.purpose, chosen, languages, shop_name=shop.name, link=page)
    return Answer(owed.ledger_id, owed.contact_id, owed.channel, sender, body=body)


def _public(address: str | None) -> str | None:
    """A link is of use only if it leads somewhere from the person's telephone."""
    return address if address and address.startswith(("https://", "http://")) else None


def _first_senders() -> dict[str, int]:
    """Channel → the oldest connected sender."""
    found: dict[str, int] = {}
    for channel, pk in Sender.objects.filter(status="CONNECTED").order_by("id").values_list("channel", "pk"):
        found.setdefault(channel, pk)
    return found


def _confirmation_templates(chosen: Settings) -> dict[str, int]:
    """Language → the approved template by which the shop asks for confirmation. Marketing templates are none."""
    if not chosen.confirmation_template:
        return {}
    approved = Template.objects.filter(name=chosen.confirmation_template, channel="whatsapp", status="APPROVED")
    return dict(approved.exclude(category="MARKETING").order_by("id").values_list("language", "pk"))


def variables_of(ledger_id: int) -> Mapping:
    """What fills a confirmation template: ``{{1}}`` or ``{{shop_name}}``, ``{{2}}`` or ``{{first_name}}``, ``{{3}}`` or
    ``{{link}}``. A template that asks for a link is not sent where there is none."""
    with connection.cursor() as cursor:
        cursor.execute("select contact_id, channel from consent_ledger where id = %s", [ledger_id])
        contact_id, channel = cursor.fetchone()
    page = _public(link("confirmation", contact_id, channel))
    named: Iterable[tuple[str, str, str]] = (
        ("shop_name", "shop.name", ""),
        ("first_name", "customer.first_name", "👋"),
        *((("link", "", page),) if page else ()),
    )
    return [
        {"initialValue": f"{{{{{name}}}}}", "selectedValue": value, "fallback": fallback}
        for number, (word, value, fallback) in enumerate(named, 1)
        for name in (str(number), word)
    ]


mappings[ORIGIN] = variables_of
