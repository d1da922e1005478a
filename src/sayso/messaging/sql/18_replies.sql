-- The messages that sayso sends of its own accord (origin SYSTEM): each answers one entry of the ledger, and this is the
-- whole list. Whatever is not in it cannot be queued, claimed or handed over; a second answer to the same entry is
-- refused by the unique key message_reply_once.
-- event, sources (null: any), repeats: also an entry that changed no state; purpose; state the contact must have then and
-- now; templates: may leave as an approved template that is not marketing; hours after the person acted.
CREATE OR REPLACE FUNCTION message_reply_rules() RETURNS TABLE (event text, sources text[], repeats boolean, purpose text,
    state text, templates boolean, hours int)
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ VALUES
    ('OPT_OUT', '{stop_reply}'::text[], false, 'OPT_OUT_ACK', 'UNSUBSCRIBED', false, 24),
    ('OPT_IN_UNCONFIRMED', NULL, true, 'CONFIRMATION', 'PENDING', true, 168),
    ('OPT_IN', NULL, false, 'NOTICE', 'SUBSCRIBED', false, 24),
    ('SHOP_SUBSCRIBED', NULL, false, 'NOTICE', 'SUBSCRIBED', false, 24),
    ('CHAT_START', NULL, false, 'NOTICE', 'SUBSCRIBED', false, 24)
$$;
REVOKE ALL ON FUNCTION message_reply_rules FROM PUBLIC;
GRANT EXECUTE ON FUNCTION message_reply_rules TO sayso_app;

-- What an answer to this ledger entry is for; null where no answer is due.
CREATE OR REPLACE FUNCTION message_reply_purpose(p_ledger bigint, p_contact bigint, p_channel text) RETURNS text
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT r.purpose FROM consent_ledger l JOIN message_reply_rules() r ON r.event = l.event
        AND (r.sources IS NULL OR l.source = ANY (r.sources)) AND l.to_state = r.state
        AND (r.repeats OR l.from_state <> l.to_state)
    WHERE l.shop_id = current_shop() AND l.id = p_ledger AND l.contact_id = p_contact AND l.channel = p_channel
    AND l.outcome <> 'REFUSED' AND l.caused_by IS NULL
$$;
REVOKE ALL ON FUNCTION message_reply_purpose FROM PUBLIC;
GRANT EXECUTE ON FUNCTION message_reply_purpose TO sayso_app;

-- What speaks against an answer, besides the gate: too late, a template where none is allowed, or no open window. The
-- window is the platform's: 24 hours after the person's last message to this very number.
CREATE OR REPLACE FUNCTION message_reply_refusal(
    p_ledger bigint, p_contact bigint, p_channel text, p_template bigint, p_sender bigint
) RETURNS text LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT CASE
        WHEN r.purpose IS NULL THEN 'CUSTOMER_IS_NOT_OPTED_IN'
        WHEN coalesce(l.occurred_at, l.recorded_at) <= now() - make_interval(hours => r.hours) THEN 'MESSAGE_IS_EXPIRED'
        WHEN p_template IS NOT NULL AND (NOT r.templates OR NOT EXISTS (
            SELECT FROM template t WHERE t.shop_id = l.shop_id AND t.id = p_template AND t.category <> 'MARKETING'
        )) THEN 'TEMPLATE_IS_MISMATCHED'
        WHEN p_template IS NULL AND p_channel = 'whatsapp' AND NOT EXISTS (
            SELECT FROM message i WHERE i.shop_id = l.shop_id AND i.contact_id = p_contact AND i.channel = p_channel
            AND i.direction = 'IN' AND i.sender_id = p_sender AND i.queued_at > now() - interval '24 hours'
        ) THEN 'CUSTOMER_IS_OUTSIDE_WINDOW'
    END
    FROM (SELECT message_reply_purpose(p_ledger, p_contact, p_channel) AS purpose) due
    LEFT JOIN consent_ledger l ON l.shop_id = current_shop() AND l.id = p_ledger
    LEFT JOIN message_reply_rules() r ON r.event = l.event AND r.purpose = due.purpose
$$;
REVOKE ALL ON FUNCTION message_reply_refusal FROM PUBLIC;
GRANT EXECUTE ON FUNCTION message_reply_refusal TO sayso_app;
