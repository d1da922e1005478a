"""The templates a new WhatsApp account of the sandbox has."""

from typing import Any

import msgspec

from ..database import Database, encode
from ..known import DISPLAY_NUMBER, PHONE_NUMBER_ID, TOKEN, WABA_ID

RATE = 80.0

_STOP = {"en": "Stop promotions", "es": "Detener promociones", "pt_BR": "Parar promoções", "de": "Werbung stoppen"}
_TEXTS: tuple[tuple[str, str, str, dict[str, str]], ...] = (
    (
        "seasonal_sale",
        "MARKETING",
        "APPROVED",
        {
            "en": "Hi {{1}}, our sale is on: {{2}} off everything until Sunday.",
            "es": "Hola {{1}}, empiezan las rebajas: {{2}} en todo hasta el domingo.",
            "pt_BR": "Oi {{1}}, a promoção começou: {{2}} em tudo até domingo.",
            "de": "Hallo {{1}}, der Schlussverkauf läuft: {{2}} auf alles bis Sonntag.",
        },
    ),
    (
        "new_arrivals",
        "MARKETING",
        "APPROVED",
        {
            "en": "New in the shop this week. Have a look!",
            "es": "Novedades de la semana. ¡Pásate a verlas!",
            "pt_BR": "Novidades da semana na loja. Venha ver!",
            "de": "Neu im Laden diese Woche. Schau vorbei!",
        },
    ),
    (
        "back_in_stock",
        "MARKETING",
        "APPROVED",
        {
            "en": "Good news: {{1}} is back in stock.",
            "es": "Buenas noticias: {{1}} vuelve a estar disponible.",
            "de": "Gute Nachricht: {{1}} ist wieder da.",
        },
    ),
    (
        "order_confirmation",
        "UTILITY",
        "APPROVED",
        {
            "en": "Thank you {{1}}, we received your order {{2}}.",
            "es": "Gracias {{1}}, recibimos tu pedido {{2}}.",
            "pt_BR": "Obrigado {{1}}, recebemos seu pedido {{2}}.",
            "de": "Danke {{1}}, wir haben Ihre Bestellung {{2}}.",
        },
    ),
    (
        "order_shipped",
        "UTILITY",
        "APPROVED",
        {"en": "Your order {{1}} is on its way.", "de": "Bestellung {{1}} ist unterwegs."},
    ),
    (
        "confirm_subscription",
        "UTILITY",
        "APPROVED",
        {
            "en": "Please answer YES to confirm that you want our messages.",
            "de": "Bitte mit JA bestätigen, dass Sie unsere Nachrichten wünschen.",
        },
    ),
    ("flash_sale", "MARKETING", "PAUSED", {"en": "Only today: {{1}} off."}),
    ("free_money", "MARKETING", "REJECTED", {"en": "Click here to win."}),
)


class Template(msgspec.Struct):
    """A template in one language, as `GET /{waba}/message_templates` lists it."""

    name: str
    language: str
    status: str
    category: str
    id: str
    components: list[dict[str, Any]]

    @property
    def body(self) -> str:
        """The text with its `{{1}}` places."""
        return next((str(part["text"]) for part in self.components if part.get("type") == "BODY"), "")

    @property
    def variables(self) -> int:
        """How many body parameters a send must bring."""
        return sum(f"{{{{{place}}}}}" in self.body for place in range(1, 10))


_DECODER = msgspec.json.Decoder(Template)


def seed_templates(db: Database, waba: str) -> None:
    """Give the account `waba` its templates, unless it has some."""
    if db.one("SELECT 1 FROM template WHERE waba = ?", waba):
        return
    number = 0
    for name, category, status, texts in _TEXTS:
        for language, text in texts.items():
            number += 1
            body: dict[str, Any] = {"type": "BODY", "text": text}
            places = text.count("{{")
            if places:
                body["example"] = {"body_text": [["Ana", "20 %"][:places]]}
            parts = [body]
            if category == "MARKETING":
                parts.append({"type": "FOOTER", "text": "Sandbox Store"})
                parts.append({"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": _STOP[language]}]})
            save_template(
                db, waba, Template(name, language, status, category, str(1_259_544_702_043_860 + number), parts)
            )


def seed_number(db: Database) -> None:
    """The default sender and its account."""
    db.run("INSERT OR IGNORE INTO number VALUES (?, ?, ?, ?, ?)", PHONE_NUMBER_ID, WABA_ID, TOKEN, DISPLAY_NUMBER, RATE)
    seed_templates(db, WABA_ID)


def save_template(db: Database, waba: str, template: Template) -> None:
    """Insert or replace a template."""
    db.run(
        "INSERT OR REPLACE INTO template VALUES (?, ?, ?, ?)", waba, template.name, template.language, encode(template)
    )


def load_templates(db: Database, waba: str) -> dict[tuple[str, str], Template]:
    """All templates of an account by (name, language)."""
    made = (
        _DECODER.decode(row[0])
        for row in db.all("SELECT doc FROM template WHERE waba = ? ORDER BY name, language", waba)
    )
    return {(template.name, template.language): template for template in made}
