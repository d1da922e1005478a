"""Texts of the public pages with their names filled in."""

from __future__ import annotations

from django import template

from ..texts import Words

register = template.Library()


@register.simple_tag
def say(words: Words, name: str, shop: str, channel: str = "") -> str:
    """A text of ``texts.toml`` with shop and channel in it."""
    return words.say(name, shop=shop, channel=channel)


@register.simple_tag
def named_shop(text: str, shop: str) -> str:
    """A text that the shop wrote, with its ``{{shop.name}}`` filled in."""
    return text.replace("{{shop.name}}", shop).replace("{{ shop.name }}", shop)
