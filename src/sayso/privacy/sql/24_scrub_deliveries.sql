-- Stored deliveries about the person: the body goes, the key stays, so that the same delivery sent again is still known.
-- A pass over the shop's deliveries of 30 days; there is no index for what is asked a few times a month. Parked ones
-- cannot be tried again without a body. Those that wait to be drained are let through: they may be an opt-out, or an
-- order, and are looked at again by the daily round.
CREATE OR REPLACE FUNCTION privacy_scrub_deliveries(p_request bigint, p_keys text[]) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    shop bigint := privacy_permit(p_request, '{}');
    scrubbed bigint;
BEGIN
    IF p_request IS NULL THEN
        RAISE EXCEPTION 'deliveries go with age, or with a request' USING ERRCODE = 'insufficient_privilege';
    END IF;
    UPDATE delivery d SET body = '', fold_key = '', state = CASE WHEN d.state = 'PARKED' THEN 'IGNORED' ELSE d.state END,
        error = CASE WHEN d.state = 'PARKED' THEN 'erased on a privacy request' ELSE d.error END
    WHERE d.shop_id = shop AND d.state <> 'NEW' AND d.subject_keys && p_keys::varchar[] AND d.body <> '';
    GET DIAGNOSTICS scrubbed = ROW_COUNT;
    RETURN scrubbed;
END $$;
REVOKE ALL ON FUNCTION privacy_scrub_deliveries FROM PUBLIC;
GRANT EXECUTE ON FUNCTION privacy_scrub_deliveries TO sayso_app;

-- The daily second look: deliveries that were waiting, or came late, when somebody was erased; and evidence of attempts
-- that were refused because the contact is redacted. Of an address those alone that came before the erasure: what comes
-- after may be the person's own new start.
CREATE OR REPLACE FUNCTION privacy_second_look() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    shop bigint := current_shop();
    late bigint;
    stray bigint;
BEGIN
    WITH erased AS MATERIALIZED (
        SELECT r.done_at, key FROM privacy_request r, unnest(r.subject_keys) AS key
        WHERE r.shop_id = shop AND r.kind = 'REDACT' AND r.status = 'DONE' AND r.done_at > now() - interval '62 days'
    ), about AS (
        SELECT d.id FROM delivery d
        WHERE d.shop_id = shop AND d.state <> 'NEW' AND d.body <> '' AND EXISTS (
            SELECT FROM erased e WHERE e.key = ANY (d.subject_keys)
            AND (e.key LIKE 'customer:%' OR d.received_at <= e.done_at))
    )
    UPDATE delivery d SET body = '', fold_key = '',
        state = CASE WHEN d.state = 'PARKED' THEN 'IGNORED' ELSE d.state END,
        error = CASE WHEN d.state = 'PARKED' THEN 'erased on a privacy request' ELSE d.error END
    FROM about WHERE d.id = about.id;
    GET DIAGNOSTICS late = ROW_COUNT;
    DELETE FROM consent_evidence v USING consent_ledger l, contact c
    WHERE c.shop_id = shop AND c.redacted_at IS NOT NULL AND l.shop_id = shop AND l.contact_id = c.id
        AND l.recorded_at >= c.redacted_at AND v.shop_id = shop AND v.ledger_id = l.id;
    GET DIAGNOSTICS stray = ROW_COUNT;
    UPDATE privacy_request r SET subject_keys = '{}'
    WHERE r.shop_id = shop AND r.subject_keys <> '{}' AND r.done_at <= now() - interval '62 days';
    RETURN late + stray;
END $$;
REVOKE ALL ON FUNCTION privacy_second_look FROM PUBLIC;
GRANT EXECUTE ON FUNCTION privacy_second_look TO sayso_app;
