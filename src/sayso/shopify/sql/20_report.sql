-- What a chunk of an import recorded in the consent ledger, for the report. Entries of the running transaction behind the
-- newest that was there before it: a range of the key, whatever the planner believes of a table that grows while it looks.
CREATE OR REPLACE FUNCTION sync_newest_entry() RETURNS bigint
LANGUAGE sql STABLE SET search_path = public, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off AS $$
    SELECT coalesce((SELECT l.id FROM consent_ledger l WHERE l.shop_id = current_shop() ORDER BY l.id DESC LIMIT 1), 0)
$$;
REVOKE ALL ON FUNCTION sync_newest_entry FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sync_newest_entry TO sayso_app;

-- `refused`: whose entries were refused, at most 1,000 of a kind.
CREATE OR REPLACE FUNCTION sync_consent(p_before bigint)
RETURNS TABLE (channel text, was text, is_now text, outcome text, refusal text, number bigint, refused bigint[])
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan SET jit = off
SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
    shop bigint := current_shop();
    ours xid8 := pg_current_xact_id();
BEGIN
    RETURN QUERY
    SELECT l.channel::text, l.from_state::text, l.to_state::text, l.outcome::text, coalesce(l.refusal_code, '')::text,
        count(*), CASE WHEN l.outcome = 'REFUSED' THEN (array_agg(l.contact_id ORDER BY l.id))[:1000] END
    FROM consent_ledger l WHERE l.shop_id = shop AND l.id > p_before AND l.xid = ours
    GROUP BY l.channel, l.from_state, l.to_state, l.outcome, l.refusal_code;
END $$;
REVOKE ALL ON FUNCTION sync_consent FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sync_consent TO sayso_app;
