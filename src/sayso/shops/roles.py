"""Roles and what they may do: the one place."""

from django.db import models


class Role(models.TextChoices):
    OWNER = "owner"
    ADMIN = "admin"
    VIEWER = "viewer"


READ = {
    "contacts.view", "lists.view", "consent.view", "campaigns.view", "analytics.view", "settings.view", "shopify.view",
}  # fmt: skip
WORK = READ | {
    "contacts.create", "contacts.edit", "contacts.merge", "contacts.export", "consent.unsubscribe", "consent.record_opt_in",
    "consent.blacklist", "consent.export", "privacy.view", "campaigns.create", "campaigns.send",
    "shopify.edit", "deliveries.view", "channels.edit", "settings.edit", "team.edit", "api.edit",
}  # fmt: skip

PERMISSIONS: dict[str, set[str]] = {
    Role.VIEWER: READ,
    Role.ADMIN: WORK,
    Role.OWNER: WORK | {"privacy.edit"},
}
"""Role → permissions, named ``area.action``. API tokens carry the same names as scopes."""


def may(role: str | None, permission: str) -> bool:
    """Whether a role holds a permission; no role holds none."""
    return permission in PERMISSIONS.get(role or "", set())
