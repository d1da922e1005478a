"""Pieces of HTML. Everything that came from data goes through `text`."""

import html
import time
from collections.abc import Mapping
from typing import Any

from ..records import Consent, Customer, Order
from ..shopify.money import amount


def text(value: object) -> str:
    """`value` escaped, "–" for None."""
    return "–" if value is None else html.escape(str(value))


def form(
    do: str, back: str, inner: str, label: str, hidden: Mapping[str, object] | None = None, *, kind: str = ""
) -> str:
    """A form with one button that performs `do` and comes back."""
    fields = "".join(
        f'<input type="hidden" name="{text(k)}" value="{text(v)}">'
        for k, v in {"do": do, "back": back, **(hidden or {})}.items()
    )
    return f'<form method="post" action="/do" class="{kind}">{fields}{inner}<button>{text(label)}</button></form>'


def field(name: str, label: str, value: str | None = None, **attributes: str) -> str:
    """A labelled text input."""
    extra = "".join(f' {key}="{text(one)}"' for key, one in attributes.items())
    return f'<label>{text(label)} <input name="{name}" value="{text(value or "")}"{extra}></label>'


def select(name: str, label: str, options: tuple[str, ...], chosen: str | None = None) -> str:
    """A labelled choice."""
    rows = "".join(f"<option{' selected' if one == chosen else ''}>{text(one)}</option>" for one in options)
    return f'<label>{text(label)} <select name="{name}">{rows}</select></label>'


def thread(messages: list[dict[str, Any]]) -> str:
    """Messages to and from a customer, oldest first."""
    if not messages:
        return '<p class="quiet">No messages yet.</p>'
    rows = "".join(
        f'<li class="{"theirs" if one["inbound"] else "ours"}"><span class="who">'
        f"{'Customer' if one['inbound'] else 'Shop'}"
        f" <time>{time.strftime('%d %b %H:%M:%S', time.gmtime(one['at']))}</time></span> {text(one['text'])}"
        f'{"" if one["inbound"] else f"""<span class="state">{text(one["state"])}</span>"""}</li>'
        for one in messages
    )
    return f'<ol class="thread">{rows}</ol>'


def consent_row(name: str, one: Consent) -> str:
    """One channel's consent."""
    cells = "".join(f"<td>{text(value)}</td>" for value in (one.state, one.level, one.updated and one.updated[:10]))
    return f"<tr><th scope=row>{name}</th>{cells}</tr>"


def facts(one: Customer, orders: list[Order], currency: str) -> str:
    """What the shop knows about a customer."""
    place = f"{one.address.city}, {one.address.country} · {one.address.phone or 'no phone'}" if one.address else None
    rows = (
        ("Id", one.id),
        ("E-mail", one.email),
        ("Phone", one.phone),
        ("Address", place),
        ("Language", one.locale),
        ("Tags", ", ".join(one.tags) or None),
        ("Note", one.note),
        ("Changed", one.updated),
    )
    table = "".join(f"<dt>{key}</dt><dd>{text(value)}</dd>" for key, value in rows)
    consents = "".join(
        consent_row(*pair) for pair in (("SMS", one.sms), ("WhatsApp", one.whatsapp), ("E-mail", one.mail))
    )
    bought = "".join(
        f"<li>#{order.number} · {amount(order.total)} {currency} · "
        f"{text((order.cancelled and 'cancelled') or order.fulfilment.lower())}</li>"
        for order in orders[-5:]
    )
    return (
        f'<dl data-live="facts">{table}</dl>'
        f'<table data-live="consents"><caption>Consent in Shopify</caption>'
        "<thead><tr><th scope=col>Channel</th><th scope=col>State</th>"
        f"<th scope=col>Level</th><th scope=col>Since</th></tr></thead><tbody>{consents}</tbody></table>"
        f'<ul data-live="orders" class="orders" aria-label="Last orders">{bought or "<li>No orders</li>"}</ul>'
    )


def page(body: str, said: str | None) -> str:
    """The whole document."""
    note = f'<p role="status" class="said">{text(said)}</p>' if said else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Sandbox store</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        '<link rel="stylesheet" href="/static/sandbox.css">'
        '<script type="module" src="/static/sandbox.js"></script></head>'
        '<body><a class="skip" href="#main">Skip to content</a><header><h1><a href="/">Sandbox store</a></h1>'
        "<p>An invented shop and an invented WhatsApp on this machine. Nobody is real, nothing leaves it.</p></header>"
        f'<main id="main">{note}{body}</main></body></html>'
    )
