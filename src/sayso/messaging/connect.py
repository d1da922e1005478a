"""Connecting a sending number of the WhatsApp Cloud API."""

from __future__ import annotations

from django.conf import settings
from django.db import transaction

from sayso.channels.base_url import ForbiddenAddress, check_base_url
from sayso.channels.whatsapp.client import AnswerLost, GraphError, NoConnection
from sayso.shops.models import ProviderApp, Shop
from sayso.shops.tenancy import enter_shop

from .models import Sender
from .templates import sync_templates


class CannotConnect(Exception):
    """The number was not connected. One sentence: what is wrong and what to do."""


def connect_whatsapp(
    shop: Shop,
    *,
    phone_number_id: str,
    token: str,
    app_id: str,
    app_secret: str,
    verify_token: str,
    waba_id: str = "",
    display_number: str = "",
    base_url: str | None = None,
) -> tuple[Sender, int]:
    """Keep the number and its credentials, and read its templates where the business account is named.

    Answers the sender and how many templates it has. Connecting a number again replaces what was kept. Raises
    :class:`CannotConnect`; the credentials are kept then only if the provider was asked and refused.
    """
    if not phone_number_id.isascii() or not phone_number_id.isdecimal():
        raise CannotConnect(f"{phone_number_id!r} is no phone number id: copy the digits from the app at Meta.")
    try:
        address = check_base_url(base_url or settings.META_URL, sandbox=shop.is_sandbox)
    except ForbiddenAddress as error:
        raise CannotConnect(f"This address cannot be used: {error}.") from error
    with transaction.atomic():
        app, _ = ProviderApp.objects.update_or_create(
            provider=ProviderApp.Provider.WHATSAPP,
            client_id=app_id,
            defaults={"secret": app_secret, "verify_token": verify_token},
        )
        enter_shop(shop.pk)
        sender, _ = Sender.objects.update_or_create(
            phone_number_id=phone_number_id,
            defaults={
                "shop_id": shop.pk,
                "channel": "whatsapp",
                "provider_app_id": app.pk,
                "account_id": waba_id,
                "display_number": display_number,
                "token": token,
                "base_url": address,
                "status": "CONNECTED",
                "status_reason": "",
            },
        )
    if not waba_id:
        return sender, 0
    try:
        return sender, sync_templates(sender)
    except GraphError as error:
        raise CannotConnect(f"The number is kept, but Meta refused to list its templates: {error}.") from error
    except (NoConnection, AnswerLost) as error:
        raise CannotConnect(f"The number is kept, but {address} does not answer; connect it again later.") from error
