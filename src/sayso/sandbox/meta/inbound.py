"""What customers do on WhatsApp: write, tap a button, switch marketing off, change their number."""

import time
from typing import Any

import msgspec

from ..known import PHONE_NUMBER_ID
from ..outbox import Outbox
from ..world import World
from . import envelope
from .people import Crowd, Person
from .sends import Sends, wamid
from .templates import load_templates

_DETAIL = {"stop": "User requested to stop marketing messages", "resume": "User requested to resume marketing messages"}


class Inbound:
    """Acts of WhatsApp users; each one is a webhook at once."""

    def __init__(self, world: World, outbox: Outbox, crowd: Crowd, sends: Sends) -> None:
        self.world, self.outbox, self.crowd, self.sends = world, outbox, crowd, sends

    def text(self, sender: str, text: str, number: str = PHONE_NUMBER_ID, hide_number: bool | None = None) -> str:
        """A free text; answers the message id. `hide_number` overrides what the person's username decides."""
        return self._message(sender, number, hide_number, text, {"type": "text", "text": {"body": text}})

    def button(
        self,
        sender: str,
        text: str,
        payload: str | None = None,
        number: str = PHONE_NUMBER_ID,
        hide_number: bool | None = None,
    ) -> str:
        """A tap on a template's quick-reply button.

        As at Meta the payload is the one that the message was sent with for this button, else its label; `payload`
        overrides it.
        """
        last, buttons = self._last_template(sender)
        sent_with = dict(buttons).get(text)
        part: dict[str, Any] = {"type": "button", "button": {"payload": payload or sent_with or text, "text": text}}
        if last:
            part["context"] = {"from": self.sends.sender(number)[1], "id": last}
        return self._message(sender, number, hide_number, text, part)

    def buttons(self, sender: str) -> list[str]:
        """The labels that the person can tap: the quick replies of the last template they got."""
        return [label for label, _ in self._last_template(sender)[1]]

    def _last_template(self, sender: str) -> tuple[str | None, list[tuple[str, str | None]]]:
        """The id of the last template message to a person, and its quick replies with the payloads it was sent with."""
        self.sends.flush()
        row = self.world.db.one(
            "SELECT wamid, number, template, body FROM sent WHERE recipient = ? AND kind = 'template' ORDER BY id DESC",
            self._person(sender).wa_id,
        )
        if not row:
            return None, []
        name, _, language = (row[2] or "").partition("/")
        template = load_templates(self.world.db, self.sends.sender(row[1])[0]).get((name, language))
        given = {
            str(part.get("index")): next((one.get("payload") for one in part.get("parameters") or ()), None)
            for part in msgspec.json.decode(row[3])["template"].get("components") or ()
            if part.get("type") == "button" and part.get("sub_type") == "quick_reply"
        }
        parts = template.components if template else []
        found = next((part.get("buttons") or [] for part in parts if part.get("type") == "BUTTONS"), [])
        return row[0], [
            (str(button["text"]), given.get(str(index)))
            for index, button in enumerate(found)
            if button.get("type") == "QUICK_REPLY"
        ]

    def preference(self, sender: str, choice: str, number: str = PHONE_NUMBER_ID) -> None:
        """The app's own switch for offers and announcements: `stop` or `resume`. Raises KeyError for another choice."""
        person = self._person(sender)
        detail = _DETAIL[choice]
        person.stopped = choice == "stop"
        self.crowd.save(person)
        row: dict[str, Any] = {
            "wa_id": person.wa_id,
            "detail": detail,
            "category": "marketing_messages",
            "value": choice,
            "timestamp": int(time.time()),
        }
        if person.user_id:
            row["user_id"] = person.user_id
        self._post(
            number,
            "user_preferences",
            contacts=[envelope.contact(self.crowd, person, profile=False)],
            user_preferences=[row],
        )

    def change_user_id(self, sender: str, number: str = PHONE_NUMBER_ID) -> str:
        """The business-scoped id changes, as it does with a new number; answers the new one."""
        person = self._person(sender)
        previous, current = self.crowd.rename(person)
        self._post(
            number,
            "user_id_update",
            contacts=[envelope.contact(self.crowd, person)],
            user_id_update=[
                {
                    "wa_id": person.wa_id,
                    "detail": f"User id for {person.wa_id} has been updated.",
                    "user_id": {"previous": previous, "current": current},
                    "timestamp": str(int(time.time())),
                }
            ],
        )
        return current

    def _person(self, sender: str) -> Person:
        if sender in self.crowd.by_user_id:
            return self.crowd.by_user_id[sender]
        return self.crowd.get("".join(sign for sign in sender if sign.isdecimal()))

    def _message(self, sender: str, number: str, hide_number: bool | None, text: str, part: dict[str, Any]) -> str:
        person = self._person(sender)
        hidden = self.crowd.hides_number(person) if hide_number is None else hide_number
        if hidden and person.user_id is None:
            self.crowd.rename(person)
        key = self.world.db.take("inbound")
        message: dict[str, Any] = {"id": wamid(person.wa_id, key), "timestamp": str(int(time.time())), **part}
        if not hidden:
            message["from"] = person.wa_id
        if person.user_id:
            message["from_user_id"] = person.user_id
        person.spoke = time.time()
        with self.world.db.transaction():
            self.crowd.save(person)
            self.world.db.run(
                "INSERT INTO inbound VALUES (?, ?, ?, ?, ?, ?)",
                key,
                message["id"],
                number,
                person.wa_id,
                person.spoke,
                text,
            )
            self._post(number, "messages", contacts=[envelope.contact(self.crowd, person, hidden)], messages=[message])
        return str(message["id"])

    def _post(self, number: str, field: str, **parts: Any) -> None:
        waba, display = self.sends.sender(number)
        envelope.post(
            self.world, self.outbox, waba, [{"value": envelope.value(number, display, **parts), "field": field}]
        )
