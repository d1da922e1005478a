from __future__ import annotations

import pytest
from tests.making import make_template

from sayso.messaging.models import Sender, Template


@pytest.fixture
def sender(shop) -> Sender:
    return Sender.objects.create(
        shop_id=shop.pk,
        channel="whatsapp",
        phone_number_id="106540352242922",
        token="sandbox-token",
        base_url="http://127.0.0.1:9",
        per_second=1000,
    )


@pytest.fixture
def template(shop) -> Template:
    return make_template(shop)
