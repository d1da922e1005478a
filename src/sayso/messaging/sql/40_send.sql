-- Queue one message for each contact of a chunk that may be messaged, and note the others with their reason. Two
-- contacts with one address are messaged once, the older of them. Runs with the caller's rights.
DROP FUNCTION IF EXISTS message_queue(bigint[], text, text, bigint, bigint, bigint);
CREATE OR REPLACE FUNCTION message_queue(
    p_contacts bigint[], p_channel text, p_origin text, p_origin_id bigint, p_template bigint, p_sender bigint, p_topic text
) RETURNS TABLE (queued bigint, skipped bigint) LANGUAGE plpgsql SET search_path = public, pg_temp SET jit = off AS $$
DECLARE
    shop bigint := current_shop();
    v_purpose text := (SELECT message_purpose(t.category, p_origin) FROM template t WHERE t.shop_id = current_shop() AND t.id = p_template);
BEGIN
    RETURN QUERY
    WITH gated AS MATERIALIZED (
        SELECT g.contact_id, g.detail, g.address, g.address_key, coalesce(g.code, CASE WHEN
            row_number() OVER (PARTITION BY g.code IS NULL, g.address_key ORDER BY g.contact_id) > 1
            OR EXISTS (
                SELECT FROM message m WHERE m.shop_id = (SELECT shop) AND m.origin = 'CAMPAIGN'
                AND m.origin_id = p_origin_id AND m.address_key = g.address_key
            ) THEN 'CUSTOMER_SHARES_ADDRESS' END) AS code
        FROM message_gate(p_channel, v_purpose, p_contacts, p_topic) g
    ), queueing AS (
        INSERT INTO message (shop_id, contact_id, channel, direction, origin, origin_id, purpose, template_id, sender_id,
            topic, address, address_key, status)
        SELECT shop, contact_id, p_channel, 'OUT', p_origin, p_origin_id, v_purpose, p_template, p_sender,
            p_topic, address, address_key, 'QUEUED'
        FROM gated WHERE code IS NULL ORDER BY contact_id
        RETURNING 1
    ), skipping AS (
        INSERT INTO message_skip (shop_id, origin, origin_id, contact_id, code, detail)
        SELECT shop, p_origin, p_origin_id, contact_id, code, detail FROM gated WHERE code IS NOT NULL
        ON CONFLICT DO NOTHING
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM queueing), (SELECT count(*) FROM skipping);
END $$;
REVOKE ALL ON FUNCTION message_queue FROM PUBLIC;
GRANT EXECUTE ON FUNCTION message_queue TO sayso_app;

-- Queue sayso's own answers to ledger entries, at most one an entry, and note why the others get none. Asking again changes
-- nothing. Somebody who is asked to confirm over and over (a form can be sent again and again) is written to once an hour.
-- Runs with the caller's rights.
CREATE OR REPLACE FUNCTION message_reply(
    p_ledger bigint[], p_contacts bigint[], p_channels text[], p_senders bigint[], p_templates bigint[], p_bodies text[]
) RETURNS TABLE (queued bigint, skipped bigint) LANGUAGE plpgsql SET search_path = public, pg_temp SET jit = off AS $$
DECLARE
    shop bigint := current_shop();
BEGIN
    RETURN QUERY
    WITH asked AS MATERIALIZED (
        SELECT a.*, message_reply_purpose(a.ledger_id, a.contact_id, a.channel) AS purpose
        FROM unnest(p_ledger, p_contacts, p_channels, p_senders, p_templates, p_bodies)
            AS a (ledger_id, contact_id, channel, sender_id, template_id, body)
    ), gated AS MATERIALIZED (
        SELECT asked.*, g.detail, g.address, g.address_key, coalesce(g.code,
            CASE WHEN asked.sender_id IS NULL THEN 'CHANNEL_IS_NOT_CONNECTED' END,
            message_reply_refusal(asked.ledger_id, asked.contact_id, asked.channel, asked.template_id, asked.sender_id),
            CASE WHEN asked.purpose = 'CONFIRMATION' AND (1 < row_number() OVER (
                PARTITION BY asked.purpose, asked.contact_id, asked.channel ORDER BY asked.ledger_id) OR EXISTS (
                SELECT FROM message m WHERE m.shop_id = (SELECT shop) AND m.contact_id = asked.contact_id
                AND m.purpose = 'CONFIRMATION' AND m.channel = asked.channel AND m.origin_id <> asked.ledger_id
                AND m.queued_at > now() - interval '1 hour'
            )) THEN 'CUSTOMER_IS_OVER_FREQUENCY_CAP' END) AS code
        FROM (SELECT channel, purpose, array_agg(contact_id) AS contacts FROM asked WHERE purpose IS NOT NULL GROUP BY 1, 2)
            kinds
        CROSS JOIN LATERAL message_gate(kinds.channel, kinds.purpose, kinds.contacts, NULL) g
        JOIN asked ON asked.contact_id = g.contact_id AND asked.channel = kinds.channel AND asked.purpose = kinds.purpose
    ), queueing AS (
        INSERT INTO message (shop_id, contact_id, channel, direction, origin, origin_id, purpose, template_id, sender_id, body,
            address, address_key, status)
        SELECT shop, contact_id, channel, 'OUT', 'SYSTEM', ledger_id, purpose, template_id, sender_id, body,
            address, address_key, 'QUEUED'
        FROM gated WHERE code IS NULL ORDER BY ledger_id
        ON CONFLICT DO NOTHING
        RETURNING 1
    ), skipping AS (
        INSERT INTO message_skip (shop_id, origin, origin_id, contact_id, code, detail)
        SELECT shop, 'SYSTEM', ledger_id, contact_id, code, detail FROM gated WHERE code IS NOT NULL
        ON CONFLICT DO NOTHING
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM queueing), (SELECT count(*) FROM skipping);
END $$;
REVOKE ALL ON FUNCTION message_reply FROM PUBLIC;
GRANT EXECUTE ON FUNCTION message_reply TO sayso_app;

-- Hand messages over: under locks that no opt-out can pass, ask the gate again and move to SENDING what may go, to
-- SKIPPED what may not. The only way into SENDING. Answers the ids that are SENDING now.
CREATE OR REPLACE FUNCTION message_claim(p_ids bigint[]) RETURNS SETOF bigint LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET jit = off AS $$
DECLARE
    shop bigint := current_shop();
BEGIN
    PERFORM 1 FROM contact c WHERE c.shop_id = shop AND c.id = ANY (ARRAY(
        SELECT m.contact_id FROM message m WHERE m.shop_id = shop AND m.id = ANY (p_ids))) ORDER BY c.id FOR SHARE;
    RETURN QUERY
    WITH held AS MATERIALIZED (
        SELECT m.id, m.contact_id, m.channel, m.purpose, m.topic, m.address_key, m.origin, m.origin_id, m.template_id,
            m.sender_id
        FROM message m
        WHERE m.shop_id = shop AND m.id = ANY (p_ids) AND m.status = 'QUEUED' AND m.direction = 'OUT' FOR UPDATE
    ), judged AS MATERIALIZED (
        SELECT held.id, coalesce(g.code, CASE WHEN g.address_key IS DISTINCT FROM held.address_key
            THEN 'CUSTOMER_IS_NOT_OPTED_IN' END, CASE WHEN held.origin = 'SYSTEM' THEN message_reply_refusal(
                held.origin_id, held.contact_id, held.channel, held.template_id, held.sender_id) END) AS code
        FROM (SELECT channel, purpose, topic, array_agg(contact_id) AS contacts FROM held GROUP BY 1, 2, 3) kinds
        CROSS JOIN LATERAL message_gate(kinds.channel, kinds.purpose, kinds.contacts, kinds.topic) g
        JOIN held ON held.contact_id = g.contact_id AND held.channel = kinds.channel AND held.purpose = kinds.purpose
            AND held.topic IS NOT DISTINCT FROM kinds.topic
    ), moved AS (
        UPDATE message m SET status = CASE WHEN j.code IS NULL THEN 'SENDING' ELSE 'SKIPPED' END,
            error_code = j.code, sending_at = CASE WHEN j.code IS NULL THEN clock_timestamp() END,
            attempt = m.attempt + CASE WHEN j.code IS NULL THEN 1 ELSE 0 END
        FROM judged j WHERE m.shop_id = shop AND m.id = j.id
        RETURNING m.id, m.status
    )
    SELECT moved.id FROM moved WHERE moved.status = 'SENDING';
END $$;
REVOKE ALL ON FUNCTION message_claim FROM PUBLIC;
GRANT EXECUTE ON FUNCTION message_claim TO sayso_app;

-- Shops and senders with messages that are due, or that a worker left behind, for the dispatcher of all shops.
CREATE OR REPLACE FUNCTION due_senders() RETURNS TABLE (shop_id bigint, sender_id bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT s.shop_id, s.id FROM sender s JOIN shop ON shop.id = s.shop_id AND shop.status = 'ACTIVE'
    WHERE (s.status = 'CONNECTED' AND EXISTS (
        SELECT FROM message m WHERE m.shop_id = s.shop_id AND m.sender_id = s.id AND m.status = 'QUEUED'
        AND m.not_before <= now()))
    OR EXISTS (
        SELECT FROM message m WHERE m.shop_id = s.shop_id AND m.sender_id = s.id AND m.status = 'SENDING')
$$;
REVOKE ALL ON FUNCTION due_senders FROM PUBLIC;
GRANT EXECUTE ON FUNCTION due_senders TO sayso_app;

-- Contacts whose confirmation did not come within seven days, locked: their opt-in cannot be repeated or confirmed before this
-- transaction ends. Pending consents of the shop's own platform are its to end.
CREATE OR REPLACE FUNCTION overdue_confirmations(p_most int) RETURNS TABLE (contact_id bigint, channel text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    shop bigint := current_shop();
    found bigint[];
BEGIN
    SELECT array_agg(o.contact_id) INTO found FROM (
        SELECT st.contact_id FROM consent_state st WHERE st.shop_id = shop AND (false
            /*each*/ OR (st.<c>_state = 'PENDING' AND st.<c>_pending_at < now() - interval '7 days'
                AND st.<c>_shop_value IS DISTINCT FROM 'PENDING') /*end*/)
        ORDER BY 1 LIMIT p_most) o;
    PERFORM 1 FROM contact c WHERE c.shop_id = shop AND c.id = ANY (found) ORDER BY c.id FOR NO KEY UPDATE;
    -- Looked at again, now that nobody can change it.
    RETURN QUERY
    SELECT st.contact_id, o.channel FROM consent_state st CROSS JOIN LATERAL (VALUES ('', false)
        /*each*/, ('<c>', st.<c>_state = 'PENDING' AND st.<c>_pending_at < now() - interval '7 days'
            AND st.<c>_shop_value IS DISTINCT FROM 'PENDING') /*end*/) AS o (channel, overdue)
    WHERE st.shop_id = shop AND st.contact_id = ANY (found) AND o.overdue ORDER BY 1, 2;
END $$;
REVOKE ALL ON FUNCTION overdue_confirmations FROM PUBLIC;
GRANT EXECUTE ON FUNCTION overdue_confirmations TO sayso_app;

-- What a number's earlier worker had handed over when it died: what the provider did with it nobody knows. Called by
-- the worker that holds the number now, so no other can still be sending. UNCONFIRMED messages are never sent again by
-- themselves; a later status that carries our id settles them.
CREATE OR REPLACE FUNCTION unconfirm_lost(p_sender bigint) RETURNS bigint LANGUAGE sql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
    WITH lost AS (
        UPDATE message SET status = 'UNCONFIRMED', error_code = 'MESSAGE_IS_UNCONFIRMED'
        WHERE shop_id = current_shop() AND sender_id = p_sender AND status = 'SENDING' RETURNING 1
    ) SELECT count(*) FROM lost
$$;
REVOKE ALL ON FUNCTION unconfirm_lost FROM PUBLIC;
GRANT EXECUTE ON FUNCTION unconfirm_lost TO sayso_app;
