-- How long each kind of data is kept. The period is read here, from the shop's settings, so that the functions that
-- remove cannot be asked to remove more.
CREATE OR REPLACE FUNCTION privacy_kept_days(p_kind text) RETURNS integer
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT coalesce((s.settings -> 'retention' ->> p_kind)::integer, CASE p_kind WHEN 'checkouts' THEN 90
        WHEN 'deliveries' THEN 30 WHEN 'sync_reports' THEN 365 WHEN 'exports' THEN 14 END)
    FROM shop s WHERE s.id = current_shop()
$$;
REVOKE ALL ON FUNCTION privacy_kept_days FROM PUBLIC;
GRANT EXECUTE ON FUNCTION privacy_kept_days TO sayso_app;

-- Look at the p_limit rows behind p_after and remove of them what is past its period. Ids grow with time, so a table is
-- walked once along its key, and only as far as there is something old. Answers the last id looked at, null at the end.
CREATE OR REPLACE FUNCTION privacy_retain(p_kind text, p_after bigint, p_limit bigint)
RETURNS TABLE (last bigint, removed bigint) LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    shop bigint := current_shop();
    days integer := privacy_kept_days(p_kind);
    before timestamptz := now() - make_interval(days => days);
    oldest timestamptz;
    more bigint;
BEGIN
    removed := 0;
    IF days IS NULL THEN
        RETURN NEXT;
        RETURN;
    END IF;
    IF p_kind = 'message_texts' THEN
        SELECT max(w.id), min(w.queued_at) INTO last, oldest FROM (
            SELECT m.id, m.queued_at FROM message m WHERE m.shop_id = shop AND m.id > p_after ORDER BY m.id LIMIT p_limit) w;
        UPDATE message m SET body = NULL, parameters = NULL, address = NULL, provider_id = NULL, provider_text = NULL
        WHERE m.shop_id = shop AND m.id > p_after AND m.id <= last AND m.queued_at < before
            AND m.status NOT IN ('QUEUED', 'SENDING')
            AND (m.body IS NOT NULL OR m.parameters IS NOT NULL OR m.address IS NOT NULL OR m.provider_id IS NOT NULL
                OR m.provider_text IS NOT NULL);
    ELSIF p_kind = 'order_identities' THEN
        SELECT max(w.id), min(w.placed_at) INTO last, oldest FROM (
            SELECT o.id, o.placed_at FROM orders o WHERE o.shop_id = shop AND o.id > p_after ORDER BY o.id LIMIT p_limit) w;
        oldest := '-infinity';  -- an import brings old orders under new ids
        UPDATE orders o SET email = NULL, phone = NULL, checkout_token = NULL, status_url = NULL, redacted_at = now()
        WHERE o.shop_id = shop AND o.id > p_after AND o.id <= last AND o.placed_at < before AND o.redacted_at IS NULL;
    ELSIF p_kind = 'events' THEN
        SELECT max(w.id), min(w.recorded_at) INTO last, oldest FROM (
            SELECT e.id, e.recorded_at FROM event e WHERE e.shop_id = shop AND e.id > p_after ORDER BY e.id LIMIT p_limit) w;
        -- What people of the shop did, and what became of privacy requests, is the audit log: it stays.
        DELETE FROM event e WHERE e.shop_id = shop AND e.id > p_after AND e.id <= last AND e.recorded_at < before
            AND e.actor_kind <> 'staff' AND e.kind NOT LIKE 'privacy.%'
            AND e.kind NOT IN ('contact.redacted', 'export.created', 'settings.changed', 'retention.applied');
    ELSIF p_kind = 'checkouts' THEN
        -- By the store's time of their last change, which does not grow with the ids: a batch at a time until none is left.
        DELETE FROM checkout c WHERE c.shop_id = shop AND c.id = ANY (ARRAY(
            SELECT w.id FROM checkout w WHERE w.shop_id = shop AND w.source_updated_at < before LIMIT p_limit));
        GET DIAGNOSTICS removed = ROW_COUNT;
        DELETE FROM abandoned_checkout a WHERE a.shop_id = shop AND a.id = ANY (ARRAY(
            SELECT w.id FROM abandoned_checkout w WHERE w.shop_id = shop AND w.source_updated_at < before
            LIMIT p_limit - removed));
        GET DIAGNOSTICS more = ROW_COUNT;
        DELETE FROM checkout_deletion d WHERE d.shop_id = shop AND d.deleted_at < before;
        removed := removed + more;
        last := CASE WHEN removed >= p_limit THEN 0 END;
        RETURN NEXT;
        RETURN;
    ELSIF p_kind = 'deliveries' THEN
        DELETE FROM delivery d WHERE d.id = ANY (ARRAY(
            SELECT w.id FROM delivery w WHERE w.shop_id = shop AND w.state IN ('DONE', 'IGNORED', 'PARKED')
            AND w.received_at < before LIMIT p_limit));
        GET DIAGNOSTICS removed = ROW_COUNT;
        last := CASE WHEN removed >= p_limit THEN 0 END;
        RETURN NEXT;
        RETURN;
    ELSIF p_kind = 'sync_reports' THEN
        DELETE FROM sync_chunk c WHERE c.shop_id = shop AND c.id = ANY (ARRAY(
            SELECT w.id FROM sync_run r JOIN sync_chunk w ON w.shop_id = r.shop_id AND w.run_id = r.id
            WHERE r.shop_id = shop AND r.heartbeat_at < before LIMIT p_limit));
        GET DIAGNOSTICS removed = ROW_COUNT;
        last := CASE WHEN removed >= p_limit THEN 0 END;
        IF last IS NULL THEN
            DELETE FROM sync_drift d USING sync_run r WHERE r.shop_id = shop AND r.heartbeat_at < before
                AND d.shop_id = shop AND d.run_id = r.id;
            DELETE FROM sync_step s USING sync_run r WHERE r.shop_id = shop AND r.heartbeat_at < before
                AND s.shop_id = shop AND s.run_id = r.id;
            DELETE FROM sync_run r WHERE r.shop_id = shop AND r.heartbeat_at < before;
            DELETE FROM delivery_freshness f WHERE f.shop_id = shop AND f.at < before;
        END IF;
        RETURN NEXT;
        RETURN;
    ELSE
        RAISE EXCEPTION 'there is no kind of data %', p_kind USING ERRCODE = 'invalid_parameter_value';
    END IF;
    GET DIAGNOSTICS removed = ROW_COUNT;
    IF oldest >= before THEN
        last := NULL;
    END IF;
    RETURN NEXT;
END $$;
REVOKE ALL ON FUNCTION privacy_retain FROM PUBLIC;
GRANT EXECUTE ON FUNCTION privacy_retain TO sayso_app;

-- Contacts deleted 30 days ago that still have a name: at most p_limit of them.
CREATE OR REPLACE FUNCTION privacy_to_purge(p_limit integer) RETURNS SETOF bigint
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT c.id FROM contact c
    WHERE c.shop_id = current_shop() AND c.deleted_at <= now() - interval '30 days' AND c.redacted_at IS NULL
        AND (c.search <> '' OR c.email_key IS NOT NULL OR c.phone_key IS NOT NULL OR c.phone_raw IS NOT NULL
            OR c.note IS NOT NULL OR c.address IS NOT NULL OR c.city IS NOT NULL OR c.external_customer_id IS NOT NULL
            OR c.tags <> '{}' OR EXISTS (SELECT FROM identity i WHERE i.shop_id = c.shop_id AND i.contact_id = c.id)
            OR EXISTS (SELECT FROM orders o WHERE o.shop_id = c.shop_id AND o.contact_id = c.id))
    ORDER BY c.id LIMIT p_limit
$$;
REVOKE ALL ON FUNCTION privacy_to_purge FROM PUBLIC;
GRANT EXECUTE ON FUNCTION privacy_to_purge TO sayso_app;
