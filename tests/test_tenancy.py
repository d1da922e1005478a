"""What pg_catalog says about every tenant table."""

from __future__ import annotations

import pytest
from django.db import connection

from sayso.config.database import tenant_models
from sayso.config.postgres import APP
from sayso.contacts.apply import apply
from sayso.contacts.changes import ContactChange, Source
from sayso.contacts.models import Contact
from sayso.events.models import Event
from sayso.shops.models import Shop
from sayso.shops.tenancy import current_shop_id, enter_shop

TABLES = sorted(model._meta.db_table for model in tenant_models())
SYSTEM_TABLES = {"shop", "user_account", "membership", "delivery", "provider_app", "consent_transition"}
"""Without a policy: signing in, intake and the rules need them before there is a shop."""


def rows(query: str, *parameters: object) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return cursor.fetchall()


@pytest.mark.parametrize("table", TABLES)
def test_every_tenant_table_is_isolated(db, table):
    [(enabled, forced)] = rows(
        "select relrowsecurity, relforcerowsecurity from pg_class where oid = %s::regclass", table
    )
    assert enabled and forced
    policies = dict(rows("select policyname, qual from pg_policies where tablename = %s", table))
    assert policies.keys() == {"one_shop", "owner_sees_all"}
    assert "sayso.shop_id" in policies["one_shop"]


@pytest.mark.parametrize("table", TABLES)
def test_every_key_and_reference_begins_with_the_shop(db, table):
    keys = rows(
        """select c.conname, (select attname from pg_attribute a where a.attrelid = c.conrelid and a.attnum = c.conkey[1])
        from pg_constraint c where c.conrelid = %s::regclass and c.contype in ('p', 'u', 'f')""",
        table,
    )
    assert keys
    assert [name for name, first in keys if first != "shop_id"] == []
    unique = rows(
        """select i.indexrelid::regclass::text, a.attname from pg_index i
        join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
        where i.indrelid = %s::regclass and i.indisunique""",
        table,
    )
    assert [name for name, first in unique if first != "shop_id"] == []


def test_every_table_with_a_shop_is_a_tenant_table(db):
    with_shop = {
        name
        for (name,) in rows(
            """select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid
            where a.attname = 'shop_id' and c.relkind = 'r' and c.relnamespace = 'public'::regnamespace"""
        )
    }
    assert with_shop - set(TABLES) - SYSTEM_TABLES == set()


def test_the_application_may_read_but_not_write_what_the_doors_guard(db):
    granted = rows(
        """select table_name, string_agg(privilege_type, ',' order by privilege_type)
        from information_schema.role_table_grants where table_schema = 'public' and grantee = %s
        and table_name in ('consent_state', 'consent_ledger', 'consent_evidence', 'suppression', 'consent_transition', 'contact', 'identity')
        group by 1""",
        APP,
    )
    assert dict(granted) == dict.fromkeys(
        (
            "consent_state",
            "consent_ledger",
            "consent_evidence",
            "suppression",
            "consent_transition",
            "contact",
            "identity",
        ),
        "SELECT",
    )


def test_the_application_role_is_plain(db):
    [(superuser, bypass, createdb, createrole)] = rows(
        "select rolsuper, rolbypassrls, rolcreatedb, rolcreaterole from pg_roles where rolname = current_user"
    )
    assert not (superuser or bypass or createdb or createrole)
    [(can_create,)] = rows("select has_schema_privilege('public', 'create')")
    assert not can_create


def test_no_shop_shows_nothing(make_shop):
    one = make_shop()
    enter_shop(one.pk)
    apply([ContactChange(source=Source.API)])
    assert Contact.objects.count() == 1
    with connection.cursor() as cursor:
        cursor.execute("select set_config('sayso.shop_id', '', true)")
    assert Contact.objects.count() == 0
    with pytest.raises(RuntimeError, match="no shop"):
        current_shop_id()


def test_a_shop_sees_itself_alone(make_shop):
    one, two = make_shop(), make_shop()
    enter_shop(one.pk)
    apply([ContactChange(source=Source.API)])
    enter_shop(two.pk)
    assert Contact.objects.count() == 0
    assert Event.objects.count() == 0
    assert Shop.objects.count() == 2  # a system table
