"""Shops (the tenants), the people who work in them, and the credentials of provider apps."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.utils import timezone

from .fields import EncryptedField
from .roles import Role
from .tenancy import TenantModel


class Shop(models.Model):
    """One installed store. A system table: it has no policy, because signing in must find it first."""

    class Status(models.TextChoices):
        ACTIVE = "ACTIVE"
        UNINSTALLED = "UNINSTALLED"

    domain = models.CharField(max_length=255, unique=True)
    name = models.CharField(max_length=255)
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.ACTIVE)
    is_sandbox = models.BooleanField(default=False)
    currency = models.CharField(max_length=3, default="EUR")
    time_zone = models.CharField(max_length=64, default="UTC")
    country = models.CharField(max_length=2, default="US")
    language = models.CharField(max_length=16, default="en")
    settings = models.JSONField(default=dict, blank=True)
    # Keys every address hash of the shop. Random, never rotated: suppressions must outlive everything.
    address_secret = EncryptedField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "shop"

    def __str__(self) -> str:
        return self.name


class ProviderApp(models.Model):
    """An app at a provider. Webhook secrets belong to it, not to a shop: many shops may share one app."""

    class Provider(models.TextChoices):
        SHOPIFY = "shopify"
        WHATSAPP = "whatsapp"

    provider = models.CharField(max_length=16, choices=Provider.choices)
    client_id = models.CharField(max_length=255)
    secret = EncryptedField()
    # Still valid while the provider signs with it after a rotation (Shopify: up to one hour).
    previous_secret = EncryptedField(blank=True, default="")
    previous_until = models.DateTimeField(null=True)  # null: as long as it stands here
    verify_token = EncryptedField(blank=True, default="")

    class Meta:
        db_table = "provider_app"
        constraints = [models.UniqueConstraint(fields=["provider", "client_id"], name="provider_app_client_id")]


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user


class User(AbstractBaseUser, PermissionsMixin):
    """Somebody who signs in, by e-mail. The platform owner runs the installation and sees every shop."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=150, blank=True)
    is_active = models.BooleanField(default=True)
    is_platform_owner = models.BooleanField(default=False)
    date_joined = models.DateTimeField(default=timezone.now)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"

    class Meta:
        db_table = "user_account"

    @property
    def is_staff(self) -> bool:
        return False

    def __str__(self) -> str:
        return self.name or self.email


class Membership(models.Model):
    """What a user may do in one shop."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    shop = models.ForeignKey(Shop, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=Role.choices)

    class Meta:
        db_table = "membership"
        constraints = [models.UniqueConstraint(fields=["shop", "user"], name="membership_once")]


class ApiToken(TenantModel):
    """A bearer token of the REST API. Only its SHA-256 is kept."""

    name = models.CharField(max_length=100)
    digest = models.BinaryField(max_length=32)
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField(default=timezone.now)
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "api_token"
        constraints = [models.UniqueConstraint(fields=["shop_id", "digest"], name="api_token_digest")]

    @property
    def author(self) -> str:
        """Who acted, as ledgers and logs keep it."""
        return f"API token {self.name}"[:64]
