"""What the composer needs: the variables of a template, where their values come from, and how it will look."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from sayso.messaging.models import Template

PLACEHOLDER = re.compile(r"\{\{\s*(\w+)\s*\}\}")
STATIC = "static"
"""Fixed text; it stands in ``fallback``, since there is never another value."""

SOURCES = {
    "customer.first_name": ("First name", "Anna"),
    "customer.last_name": ("Last name", "Bergmann"),
    "customer.email": ("E-mail", "anna@example.com"),
    "customer.phone": ("Phone", "+49 151 2345678"),
    "shop.name": ("Shop name", ""),
    STATIC: ("Fixed text", ""),
}
"""Where a value may come from (features §9.4): name, and a sample for the preview."""

ALWAYS_THERE = {"shop.name", STATIC}


@dataclass(frozen=True)
class Variable:
    """One placeholder of the template and what was chosen for it."""

    key: str
    source: str = "customer.first_name"
    fallback: str = ""

    @property
    def initial_value(self) -> str:
        return "{{" + self.key + "}}"

    @property
    def needs_fallback(self) -> bool:
        return self.source not in ALWAYS_THERE

    def mapping(self) -> dict[str, str]:
        """As it is stored on the campaign."""
        mapping = {"initialValue": self.initial_value, "selectedValue": self.source}
        return mapping | ({"fallback": self.fallback} if self.fallback else {})

    def sample(self, shop_name: str) -> str:
        if self.source == STATIC:
            return self.fallback or self.initial_value
        return shop_name if self.source == "shop.name" else SOURCES[self.source][1]


def placeholders(template: Template) -> list[str]:
    """The placeholders of header and body, each once, in order."""
    texts = [component.get("text", "") for component in template.components if _kind(component) in {"HEADER", "BODY"}]
    found = dict.fromkeys(key for text in texts for key in PLACEHOLDER.findall(text))
    return sorted(found, key=lambda key: (not key.isdecimal(), int(key) if key.isdecimal() else 0, key))


def variables(template: Template, data: Mapping[str, Any]) -> list[Variable]:
    """The variables with what a form says of them (``source_1``, ``fallback_1``); defaults where it says nothing."""
    chosen = []
    for key in placeholders(template):
        source = data.get(f"source_{key}", "")
        fallback = " ".join(str(data.get(f"fallback_{key}", "")).split())[:200]
        chosen.append(Variable(key, source if source in SOURCES else Variable.source, fallback))
    return chosen


def stored(mappings: list[dict[str, str]]) -> list[Variable]:
    """The variables of a campaign."""
    return [
        Variable(one["initialValue"].strip("{} "), one["selectedValue"], one.get("fallback", "")) for one in mappings
    ]


def preview(template: Template, chosen: list[Variable], shop_name: str) -> dict[str, Any]:
    """The parts of the bubble, samples filled in and marked."""
    samples = {one.key: one.sample(shop_name) for one in chosen}
    parts: dict[str, Any] = {"buttons": []}
    for component in template.components:
        kind = _kind(component)
        if kind == "HEADER" and component.get("format", "TEXT").upper() != "TEXT":
            parts["media"] = component["format"].lower()
        elif kind in {"HEADER", "BODY", "FOOTER"}:
            parts[kind.lower()] = _filled(component.get("text", ""), samples)
        elif kind == "BUTTONS":
            parts["buttons"] = [button.get("text", "") for button in component.get("buttons", [])]
    return parts


def _kind(component: dict[str, Any]) -> str:
    return str(component.get("type", "")).upper()


def _filled(text: str, samples: dict[str, str]) -> SafeString:
    pieces = PLACEHOLDER.split(text)  # text, key, text, key, … text
    return format_html_join(
        "",
        "{}",
        (
            (format_html("<mark>{}</mark>", samples.get(piece, piece)) if index % 2 else piece,)
            for index, piece in enumerate(pieces)
        ),
    )
