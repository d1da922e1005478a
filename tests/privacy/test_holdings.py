"""No table that names a contact is forgotten."""

from __future__ import annotations

from django.db import connection

from sayso.shops import personal


def test_every_table_that_names_a_contact_is_declared(db):
    with connection.cursor() as cursor:
        cursor.execute(
            """select distinct c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid
            where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and a.attnum > 0
            and not a.attisdropped
            and (a.attname in ('contact_id', 'contact_ids', 'contacts', 'email', 'phone', 'address_key', 'subject_keys')
                 or a.attname like '%%email' or a.attname like '%%phone')"""
        )
        tables = {name for (name,) in cursor.fetchall()} - {"user_account", "account_emailaddress"}
    assert tables - personal.declared_tables() == set()


def test_every_holding_says_how_it_is_erased_or_why_not():
    with_profile = {"identity", "address_status", "topic_choice"}  # by privacy_scrub_contacts
    for holding in personal.holdings():
        assert holding.scrub or holding.why_kept or set(holding.tables) <= with_profile, holding.name
        assert holding.collect or holding.why_kept, holding.name
