"""How Meta delivers: up to a thousand updates of several businesses in one POST, taken apart per person.

Source: Meta, WhatsApp Cloud API, *Webhooks*.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from django.db import connection

from sayso.channels.whatsapp import signature
from sayso.contacts import addresses
from sayso.intake.models import Delivery
from sayso.intake.providers import Envelope, Headers, Provider, register
from sayso.intake.registry import Child, splitter
from sayso.intake.subjects import subjects

# People's words and wishes go before receipts, and so does who they are. A quote inside a message is escaped, so this
# finds keys only.
_URGENT = re.compile(rb'"(?:messages|user_preferences|user_id_update)"\s*:')

# Lists inside a change that concern one person an item: topic of the child, and the keys that name the person. Names
# of users without a visible number stand last.
_PEOPLE = {
    "messages": ("messages", ("from", "from_user_id")),
    "statuses": ("statuses", ("recipient_id", "recipient_user_id")),
    "user_preferences": ("user_preferences", ("wa_id", "user_id")),
    "user_id_update": ("user_id_update", ("wa_id",)),
}
_URGENT_TOPICS = frozenset({"messages", "user_preferences", "user_id_update"})


def verify(headers: Headers, body: bytes, secret: str) -> bool:
    return signature.verify(body, headers.get(b"x-hub-signature-256"), [secret])


def describe(headers: Headers, body: bytes) -> Envelope:
    """Meta gives a delivery no id, so its body is its key; the shop is found when it is split."""
    return Envelope(key=hashlib.sha256(body).hexdigest(), topic="delivery", lane=0 if _URGENT.search(body) else 1)


def challenge(query: Mapping[str, str], tokens: Sequence[str]) -> str | None:
    answers = [signature.challenge(query, token) for token in tokens]
    return next((answer for answer in answers if answer is not None), None)


@dataclass(frozen=True, slots=True)
class Part:
    """One person's share of a change, or a change that concerns nobody in particular."""

    topic: str
    number: str
    """phone_number_id, "" where the change names none."""
    account: str
    person: str
    document: dict[str, Any]
    """An envelope as Meta sends it, with this part alone in it."""


def parts(body: bytes) -> list[Part]:
    """Take one delivery apart, in its order. Raises msgspec.DecodeError if it is no JSON; whatever else is odd about it
    becomes a part with the topic of its field, or "unknown"."""
    return list(_parts(msgspec.json.decode(body)))


def _parts(document: Any) -> Iterator[Part]:
    for entry in _list(document, "entry"):
        account = str(entry.get("id") or "") if isinstance(entry, dict) else ""
        for change in _list(entry, "changes"):
            value = change.get("value") if isinstance(change, dict) else None
            if not isinstance(value, dict):
                yield Part("unknown", "", account, "", _envelope(document, entry, {"value": change}))
                continue
            yield from _parts_of_change(document, entry, account, change, value)


def _parts_of_change(document: Any, entry: Any, account: str, change: dict, value: dict) -> Iterator[Part]:
    metadata = value.get("metadata")
    number = str(metadata.get("phone_number_id") or "") if isinstance(metadata, dict) else ""
    shared = {key: kept for key, kept in value.items() if key not in _PEOPLE and key != "contacts"}
    found = False
    for key, (topic, names) in _PEOPLE.items():
        people: dict[str, list[Any]] = {}
        for item in _list(value, key):
            people.setdefault(_person(item, names), []).append(item)
        for person, items in people.items():
            found = True
            own = shared | {key: items}
            if contacts := list(_contacts(value, person)):
                own["contacts"] = contacts
            yield Part(topic, number, account, person, _envelope(document, entry, change | {"value": own}))
    if not found:
        topic = str(change.get("field") or "unknown")
        yield Part(topic if topic not in _PEOPLE else "errors", number, account, "", _envelope(document, entry, change))


def _person(item: Any, names: Sequence[str]) -> str:
    if not isinstance(item, dict):
        return ""
    return next((str(item[name]) for name in names if item.get(name)), "")


def _contacts(value: dict, person: str) -> Iterator[Any]:
    """The profiles of one person. Where nobody is named, or only one profile is given, all are kept."""
    contacts = _list(value, "contacts")
    own = [c for c in contacts if isinstance(c, dict) and person in (c.get("wa_id"), c.get("user_id"))]
    yield from own if own or len(contacts) > 1 else contacts


def _envelope(document: Any, entry: Any, change: dict) -> dict[str, Any]:
    outer = {key: kept for key, kept in entry.items() if key != "changes"} if isinstance(entry, dict) else {}
    kind = document.get("object") if isinstance(document, dict) else None
    return {"object": kind, "entry": [outer | {"changes": [change]}]}


def _list(holder: Any, key: str) -> list[Any]:
    items = holder.get(key) if isinstance(holder, dict) else None
    return items if isinstance(items, list) else []


@splitter("whatsapp")
def split(delivery: Delivery) -> list[Child]:
    """A child for each part, with the shops whose number or business account it names, if their app signed it."""
    found, apps = parts(bytes(delivery.body)), delivery.signed_by
    numbers = _shops("sender_shop", {part.number for part in found if part.number}, apps)
    accounts = _shops("account_shop", {part.account for part in found if not part.number and part.account}, apps)
    return [
        Child(
            topic=part.topic[:64],
            body=msgspec.json.encode(part.document),
            shop_ids=numbers.get(part.number, ()) if part.number else accounts.get(part.account, ()),
            lane=0 if part.topic in _URGENT_TOPICS else 1,
            fold_key=f"{part.number}:{part.person}"[:128] if part.person else "",
        )
        for part in found
    ]


def _shops(function: str, ids: Iterable[str], apps: list[int] | None) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    wanted = sorted(ids)
    if wanted:
        with connection.cursor() as cursor:
            cursor.execute(f"select * from {function}(%s, %s) order by 2", [wanted, apps])  # noqa: S608 (a name of ours)
            for name, shop_id in cursor.fetchall():
                found[name] = (*found.get(name, ()), shop_id)
    return found


@subjects("whatsapp")
def people(delivery: Delivery) -> Iterator[str]:
    """Numbers and user ids that a delivery names, as keyed hashes. Raises ValueError if it is no JSON."""
    secret = addresses.shop_secret(delivery.shop_id or 0)
    for part in parts(bytes(delivery.body)):
        value = part.document["entry"][0]["changes"][0].get("value")
        for name in _names_in(value if isinstance(value, dict) else {}):
            yield addresses.subject_key(secret, name)


_NAMING = ("from", "from_user_id", "recipient_id", "recipient_user_id", "wa_id", "user_id")


def _names_in(value: dict[str, Any]) -> Iterator[str]:
    for key in (*_PEOPLE, "contacts"):
        for item in _list(value, key):
            if isinstance(item, dict):
                yield from (str(item[name]) for name in _NAMING if isinstance(item.get(name), str | int) and item[name])
                for kind in ("user_id", "wa_id"):  # both sides of a change of ids
                    ids = item.get(kind)
                    if isinstance(ids, dict):
                        yield from (str(one) for one in ids.values() if isinstance(one, str | int))


register(Provider("whatsapp", verify, describe, challenge=challenge))
