-- Messages follow a contact that became part of another one (contacts/sql/30_merge.sql); back again when that is undone.
-- What still waits does not: it was meant for somebody who is hidden now, and the gate says so. Answers of ours keep to the
-- entry of the ledger they belong to until they are sent, for the same reason.
CREATE OR REPLACE FUNCTION messages_follow(p_from bigint, p_to bigint) RETURNS SETOF bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM contact_survivors(ARRAY[p_from]) s WHERE s.survivor = p_to) THEN
        RAISE EXCEPTION 'contact % is not part of contact %', p_from, p_to USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN QUERY UPDATE message m SET contact_id = p_to
        WHERE m.shop_id = current_shop() AND m.contact_id = p_from AND m.status NOT IN ('QUEUED', 'SENDING') RETURNING m.id;
END $$;
REVOKE ALL ON FUNCTION messages_follow FROM PUBLIC;
GRANT EXECUTE ON FUNCTION messages_follow TO sayso_app;

CREATE OR REPLACE FUNCTION messages_give_back(p_ids bigint[], p_to bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE message m SET contact_id = p_to
    WHERE m.shop_id = current_shop() AND m.id = ANY (p_ids) AND EXISTS (
        SELECT FROM contact_merge g WHERE g.shop_id = current_shop() AND g.merged_id = p_to AND g.survivor_id = m.contact_id
        AND g.undone_at IS NOT NULL AND (g.moved -> 'message') @> to_jsonb(m.id));
END $$;
REVOKE ALL ON FUNCTION messages_give_back FROM PUBLIC;
GRANT EXECUTE ON FUNCTION messages_give_back TO sayso_app;
