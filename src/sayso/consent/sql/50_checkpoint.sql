-- Adds a checkpoint behind the shop's last one. It is signed outside (the key is not in the database); here it is made
-- sure that it covers exactly the entries since the last one, so that no role of the program can leave any out.
CREATE OR REPLACE FUNCTION consent_checkpoint_add(p_text text, p_leaves bigint[], p_signature bytea, p_public_key bytea)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    shop bigint := current_shop();
    said jsonb := p_text::jsonb;
    last consent_checkpoint;
    added bigint;
BEGIN
    SELECT * INTO last FROM consent_checkpoint c WHERE c.shop_id = shop ORDER BY number DESC LIMIT 1;
    IF (said->>'shop')::bigint IS DISTINCT FROM shop
        OR (said->>'number')::bigint IS DISTINCT FROM coalesce(last.number, 0) + 1
        OR said->>'previous' IS DISTINCT FROM encode(last.hash, 'hex')
        OR (said->>'count')::bigint IS DISTINCT FROM cardinality(p_leaves)
        OR (said->>'first')::bigint IS DISTINCT FROM p_leaves[1]
        OR (said->>'last')::bigint IS DISTINCT FROM p_leaves[cardinality(p_leaves)] THEN
        RAISE EXCEPTION 'the checkpoint does not follow checkpoint % of shop %', coalesce(last.number, 0), shop
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF p_leaves IS DISTINCT FROM (
        SELECT array_agg(l.id ORDER BY l.id) FROM consent_ledger l
        WHERE l.shop_id = shop AND l.id > coalesce(last.last_id, 0) AND l.id <= p_leaves[cardinality(p_leaves)]
    ) THEN
        RAISE EXCEPTION 'the checkpoint does not cover the entries since checkpoint %', coalesce(last.number, 0)
            USING ERRCODE = 'restrict_violation';
    END IF;
    INSERT INTO consent_checkpoint (shop_id, number, text, hash, root, count, first_id, last_id, leaf_ids, signature,
        public_key, made_at)
    VALUES (shop, coalesce(last.number, 0) + 1, p_text, sha256(convert_to(p_text, 'UTF8')), decode(said->>'root', 'hex'),
        cardinality(p_leaves), p_leaves[1], p_leaves[cardinality(p_leaves)], p_leaves, p_signature, p_public_key,
        (said->>'made_at')::timestamptz)
    RETURNING number INTO added;
    RETURN added;
END $$;
REVOKE ALL ON FUNCTION consent_checkpoint_add FROM PUBLIC;
GRANT EXECUTE ON FUNCTION consent_checkpoint_add TO sayso_app;

CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON consent_checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION consent_ledger_is_append_only();

-- The newest checkpoint of every shop, for /metrics: roots and numbers, nothing that names anybody.
CREATE OR REPLACE FUNCTION consent_checkpoint_heads()
RETURNS TABLE (shop text, number bigint, root text, age double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT s.id::text, c.number, encode(c.root, 'hex'), extract(epoch FROM clock_timestamp() - c.made_at)::float8
    FROM shop s CROSS JOIN LATERAL (
        SELECT * FROM consent_checkpoint c WHERE c.shop_id = s.id ORDER BY c.number DESC LIMIT 1
    ) c
$$;
REVOKE ALL ON FUNCTION consent_checkpoint_heads FROM PUBLIC;
GRANT EXECUTE ON FUNCTION consent_checkpoint_heads TO sayso_app;
