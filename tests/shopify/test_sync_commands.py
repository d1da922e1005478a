"""The sync from the terminal, as a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.conftest import environment_of

from sayso.intake.models import Delivery
from sayso.sandbox.testing import Sandbox
from sayso.shopify.connection import connect
from sayso.shopify.models import SyncRun
from sayso.shops.tenancy import shop_context


def test_status_parked_replay_and_a_dry_run(committed):
    def sync(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "sayso", "sync", *arguments], env=environment_of(committed), capture_output=True,
            text=True, timeout=120, check=False,
        )  # fmt: skip

    with Sandbox(customers=30, orders=20) as box:
        shop = connect.connect_sandbox(box.base)
        done = sync("import", "--dry-run", "--json")
        assert done.returncode == 0, done.stderr
        rows = {row["kind"]: row for row in json.loads(done.stdout)}
        assert (rows["customers"]["created"], rows["orders"]["created"]) == (30, 20)
        with shop_context(shop.pk):
            assert set(SyncRun.objects.values_list("trigger", "status")) == {("dry_run", "COMPLETE")}
    one = Delivery.objects.create(
        provider="shopify",
        key="1",
        shop_id=shop.pk,
        topic="orders/create",
        body=b"{",
        state="PARKED",
        error="ValueError",
    )
    status = sync("status")
    assert status.returncode == 1
    assert "1 parked" in status.stdout
    assert "1 delivery failed too often" in status.stderr
    assert json.loads(sync("parked", "--json").stdout)[0]["number"] == 1
    assert sync("replay").returncode == 1
    assert json.loads(sync("replay", "--topic", "products/update", "--json").stdout) == {"count": 0}
    assert json.loads(sync("replay", "--delivery", str(one.pk), "--json").stdout) == {"count": 1}
    one.refresh_from_db()
    assert one.state == "NEW"
    told = sync("status", "--json")
    assert (told.returncode, json.loads(told.stdout)["troubles"]) == (0, [])
