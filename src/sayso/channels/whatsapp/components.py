"""A template's components: which variables it has, and the parameters that fill them.

A variable has a key that names its place: ``body.1``, ``header.1``, ``button.0.1`` (the button's index from 0), or with
named parameters ``body.first_name``. A header that shows media has the key ``header.media`` (a link, or ``id:`` and the
id of an upload), a button that copies a code ``button.0.code``. Source: Meta, *Message templates: components*.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_VARIABLE = re.compile(r"\{\{\s*([A-Za-z0-9_]+)\s*\}\}")
_GAPS = re.compile(r"\s+")
_MEDIA = frozenset({"IMAGE", "VIDEO", "DOCUMENT"})

Json = Mapping[str, Any]


class MissingVariable(ValueError):
    """A variable has no value: the message must not go out with a gap. ``key`` names it."""

    def __init__(self, key: str) -> None:
        super().__init__(f"the template's variable {key} has no value")
        self.key = key


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable of a template. ``key`` names its place, ``name`` is what stands between the braces."""

    key: str
    name: str


def variable_names(text: str) -> list[str]:
    """The distinct variables of a text, ``{{1}}`` or ``{{first_name}}``: numbers in their order, names as they come."""
    names = list(dict.fromkeys(_VARIABLE.findall(text)))
    return sorted(names, key=int) if all(name.isdigit() for name in names) else names


def variables(components: Iterable[Json]) -> list[Variable]:
    """All variables of a template: header, body, buttons, in this order."""
    return [variable for place in _places(components) for variable in place.variables]


def parameters(components: Iterable[Json], values: Mapping[str, str] | Sequence[str]) -> tuple[dict[str, Any], ...]:
    """The ``components`` of a message: the template's variables with their ``values``.

    ``values`` by key, or as a list in the order of :func:`variables`. A quick reply's payload may be given under
    ``button.N.payload``. Line breaks, tabs and runs of spaces become one space, which Meta demands. Raises
    :class:`MissingVariable` for a value that is missing or blank.
    """
    places = _places(components)
    if not isinstance(values, Mapping):
        keys = [variable.key for place in places for variable in place.variables]
        values = dict(zip(keys, values, strict=False))
    return tuple(part for place in places if (part := place.fill(values)) is not None)


def render(text: str, values: Mapping[str, str], place: str = "body") -> str:
    """``text`` with its variables filled in, for the record and for previews. Unknown ones stay as they are."""
    return _VARIABLE.sub(lambda found: tidy(values.get(f"{place}.{found[1]}", "")) or found[0], text)


def tidy(value: str) -> str:
    """A value as it may stand in a template."""
    return _GAPS.sub(" ", value).strip()


@dataclass(frozen=True, slots=True)
class _Place:
    """A part of the template that takes parameters."""

    kind: str  # header, body, button
    variables: list[Variable]
    media: str | None = None
    button: tuple[int, str] | None = None  # index, sub_type

    def fill(self, values: Mapping[str, str]) -> dict[str, Any] | None:
        if self.button is not None and self.button[1] == "quick_reply":
            payload = values.get(f"button.{self.button[0]}.payload")
            parameters = [{"type": "payload", "payload": payload}] if payload else []
        else:
            parameters = [self._parameter(variable, values) for variable in self.variables]
        if not parameters:
            return None
        part: dict[str, Any] = {"type": self.kind, "parameters": parameters}
        if self.button is not None:
            part |= {"sub_type": self.button[1], "index": str(self.button[0])}
        return part

    def _parameter(self, variable: Variable, values: Mapping[str, str]) -> dict[str, Any]:
        value = tidy(values.get(variable.key) or "")
        if not value:
            raise MissingVariable(variable.key)
        if self.media is not None:
            source = {"id": value[3:]} if value.startswith("id:") else {"link": value}
            return {"type": self.media, self.media: source}
        if self.button is not None and self.button[1] == "copy_code":
            return {"type": "coupon_code", "coupon_code": value}
        parameter = {"type": "text", "text": value}
        if not variable.name.isdigit():
            parameter["parameter_name"] = variable.name
        return parameter


def _places(components: Iterable[Json]) -> list[_Place]:
    by_type = {str(component.get("type", "")).upper(): component for component in components}
    places = []
    header = by_type.get("HEADER", {})
    media = str(header.get("format", "TEXT")).upper()
    if media in _MEDIA:
        places.append(_Place("header", [Variable("header.media", "media")], media=media.lower()))
    else:
        places.append(_Place("header", _variables("header", header.get("text"))))
    places.append(_Place("body", _variables("body", by_type.get("BODY", {}).get("text"))))
    for index, button in enumerate(by_type.get("BUTTONS", {}).get("buttons") or []):
        place, kind = f"button.{index}", str(button.get("type", "")).upper()
        if kind == "URL":
            places.append(_Place("button", _variables(place, button.get("url")), button=(index, "url")))
        elif kind == "COPY_CODE":
            places.append(_Place("button", [Variable(f"{place}.code", "code")], button=(index, "copy_code")))
        elif kind == "QUICK_REPLY":
            places.append(_Place("button", [], button=(index, "quick_reply")))
    return places


def _variables(place: str, text: Any) -> list[Variable]:
    return [Variable(f"{place}.{name}", name) for name in variable_names(text if isinstance(text, str) else "")]
