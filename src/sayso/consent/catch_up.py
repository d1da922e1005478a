"""What two transactions at once cannot see: the one opts a number out, the other makes a contact with it.

Neither finds the other's row, so the new contact misses the opt-out. Imports work with two connections; at their end
this looks at all addresses in one statement. Of the gate's checks one looks at the address itself, so nobody was messaged
in between.
"""

from __future__ import annotations

from django.db import connection

from .events import PHONE_CHANNELS, Channel, ConsentEvent
from .record import record

# Compared in whole seconds, as states hold them. A redacted address is no opt-out of its other holders.
_OF = """
    select st.contact_id, {phone}, u.opted_out_at
    from suppression u
    join contact c on c.{channel}_key = u.address_key
    join consent_state st on st.contact_id = c.id and st.{address} = u.address_key
    where u.kind = 'OPT_OUT' and not st.redacted
    and (st.{channel}_out_at is null or st.{channel}_out_at < date_trunc('second', u.opted_out_at))
"""
MISSED = " union all ".join(
    _OF.format(phone=phone, channel=channel, address=address)
    for phone, channel, address in ((True, "phone", "whatsapp_address_key"), (False, "email", "email_address_key"))
)


def catch_up() -> int:
    """Record the opt-outs of addresses that contacts of the current shop missed, and answer how many contacts had.

    Needs a transaction with a shop. What was missed is known by its time: no opt-out that recent is in the state of a
    contact that holds the address.
    """
    with connection.cursor() as cursor:
        cursor.execute(MISSED)
        missed = cursor.fetchall()
    record(
        (
            ConsentEvent(
                contact_id=contact_id,
                channel=channel,
                event="SUPPRESSED_ADDRESS",
                occurred_at=at,
                source="suppression",
                actor_kind="system",
            )
            for contact_id, phone, at in missed
            for channel in (PHONE_CHANNELS if phone else (Channel.EMAIL,))
        ),
        bulk=True,
        report=False,
    )
    return len({contact_id for contact_id, _, _ in missed})
