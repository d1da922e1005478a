-- Suppresses addresses by their keyed hash, whether anybody holds them or not. Of the kinds that people may make
-- themselves: an opt-out found elsewhere, or a local block. Answers how many are new.
CREATE OR REPLACE FUNCTION consent_suppress(
    p_keys bytea[], p_kind text, p_at timestamptz, p_source text, p_reason text
) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    shop bigint := current_shop();
    made bigint;
BEGIN
    IF p_kind NOT IN ('OPT_OUT', 'LOCAL') THEN
        RAISE EXCEPTION 'nobody suppresses an address as % by hand', p_kind USING ERRCODE = 'check_violation';
    END IF;
    WITH written AS (
        INSERT INTO suppression AS held (shop_id, address_key, kind, opted_out_at, source, reason)
        SELECT shop, key, p_kind, least(p_at, clock_timestamp()), p_source, p_reason
        FROM (SELECT DISTINCT unnest(p_keys) AS key ORDER BY 1) AS keys
        ON CONFLICT (shop_id, address_key, kind) DO UPDATE SET opted_out_at = excluded.opted_out_at,
            source = excluded.source, reason = excluded.reason, ended_at = NULL
            WHERE held.opted_out_at < excluded.opted_out_at
        RETURNING xmax = 0 AS fresh
    )
    SELECT count(*) FILTER (WHERE fresh) INTO made FROM written;
    RETURN made;
END $$;
REVOKE ALL ON FUNCTION consent_suppress FROM PUBLIC;
GRANT EXECUTE ON FUNCTION consent_suppress TO sayso_app;

-- Ends a local block; the row stays. Nothing ends an opt-out or a redaction.
CREATE OR REPLACE FUNCTION consent_release(p_key bytea, p_reason text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE suppression SET ended_at = clock_timestamp(), reason = p_reason
    WHERE shop_id = current_shop() AND address_key = p_key AND kind = 'LOCAL' AND ended_at IS NULL;
    RETURN FOUND;
END $$;
REVOKE ALL ON FUNCTION consent_release FROM PUBLIC;
GRANT EXECUTE ON FUNCTION consent_release TO sayso_app;
