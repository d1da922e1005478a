-- A merge, before its ledger entries are written: what was recorded for the contact that is taken in, for the same
-- address, counts for the one that takes it in; an opt-out on either side is one of this moment (features §2.13). A redacted
-- contact is merged with nobody.
CREATE OR REPLACE FUNCTION consent_unite(p_run bigint, moment timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    shop bigint := current_shop();
BEGIN
    IF NOT EXISTS (SELECT FROM staging.consent WHERE run = p_run AND merged IS NOT NULL) THEN
        RETURN;
    END IF;

    IF EXISTS (
        SELECT FROM staging.consent s JOIN consent_state theirs ON theirs.shop_id = shop AND theirs.contact_id = s.merged
        WHERE s.run = p_run AND theirs.redacted
    ) THEN
        RAISE EXCEPTION 'a redacted contact is merged with nobody' USING ERRCODE = 'check_violation';
    END IF;

    INSERT INTO consent_state (shop_id, contact_id
        /*each*/, <c>_address_key /*end*/)
    SELECT DISTINCT shop, c.id /*each*/, <key> /*end*/
    FROM staging.consent s JOIN contact c ON c.shop_id = shop AND c.id IN (s.contact_id, s.merged)
    WHERE s.run = p_run AND s.merged IS NOT NULL
    ON CONFLICT DO NOTHING;
    IF EXISTS (
        SELECT FROM staging.consent s WHERE s.run = p_run AND s.merged IS NOT NULL AND NOT EXISTS (
            SELECT FROM consent_state theirs
            WHERE theirs.shop_id = shop AND theirs.contact_id = s.merged AND s.merged <> s.contact_id)
    ) THEN
        RAISE EXCEPTION 'there is no such contact to merge' USING ERRCODE = 'foreign_key_violation';
    END IF;

    UPDATE staging.consent s SET source = coalesce(s.source, 'merge')
        /*each*/, <c>_event = 'MERGE',
        <c>_at = CASE WHEN 'UNSUBSCRIBED' IN (mine.<c>_state, theirs.<c>_state) THEN moment END /*end*/
    FROM consent_state mine, consent_state theirs
    WHERE s.run = p_run AND s.merged IS NOT NULL
        AND mine.shop_id = shop AND mine.contact_id = s.contact_id
        AND theirs.shop_id = shop AND theirs.contact_id = s.merged;

    UPDATE consent_state mine SET
        phone_out_at = CASE WHEN mine.whatsapp_address_key = theirs.whatsapp_address_key
            THEN greatest(mine.phone_out_at, theirs.phone_out_at) ELSE mine.phone_out_at END,
        email_out_at = CASE WHEN mine.email_address_key = theirs.email_address_key
            THEN greatest(mine.email_out_at, theirs.email_out_at) ELSE mine.email_out_at END,
        whatsapp_resumed_at = CASE WHEN mine.whatsapp_address_key = theirs.whatsapp_address_key
            THEN greatest(mine.whatsapp_resumed_at, theirs.whatsapp_resumed_at) ELSE mine.whatsapp_resumed_at END
        /*each*/,
        <c>_opt_in_at = CASE WHEN theirs.same_<c> THEN greatest(mine.<c>_opt_in_at, theirs.<c>_opt_in_at)
            ELSE mine.<c>_opt_in_at END,
        <c>_opt_in_basis = CASE WHEN theirs.same_<c>
            AND coalesce(theirs.<c>_opt_in_at, '-infinity') > coalesce(mine.<c>_opt_in_at, '-infinity')
            THEN theirs.<c>_opt_in_basis ELSE mine.<c>_opt_in_basis END,
        <c>_pending_at = CASE WHEN theirs.same_<c> THEN greatest(mine.<c>_pending_at, theirs.<c>_pending_at)
            ELSE mine.<c>_pending_at END,
        <c>_weak_at = CASE WHEN theirs.same_<c> THEN greatest(mine.<c>_weak_at, theirs.<c>_weak_at)
            ELSE mine.<c>_weak_at END,
        <c>_weak_basis = CASE WHEN theirs.same_<c> AND coalesce(mine.<c>_weak_basis, 'INFERRED') = 'INFERRED'
            THEN coalesce(theirs.<c>_weak_basis, mine.<c>_weak_basis) ELSE mine.<c>_weak_basis END,
        <c>_invalid = mine.<c>_invalid OR (theirs.same_<c> AND theirs.<c>_invalid),
        <c>_shop_value = CASE WHEN theirs.same_<c> THEN coalesce(mine.<c>_shop_value, theirs.<c>_shop_value)
            ELSE mine.<c>_shop_value END,
        <c>_shop_at = CASE WHEN theirs.same_<c> AND mine.<c>_shop_value IS NULL THEN theirs.<c>_shop_at
            ELSE mine.<c>_shop_at END /*end*/
    FROM (
        SELECT s.contact_id AS survivor, theirs.*
            /*each*/, coalesce(mine.<c>_address_key = theirs.<c>_address_key, false) AS same_<c> /*end*/
        FROM staging.consent s
        JOIN consent_state mine ON mine.shop_id = shop AND mine.contact_id = s.contact_id
        JOIN consent_state theirs ON theirs.shop_id = shop AND theirs.contact_id = s.merged
        WHERE s.run = p_run AND s.merged IS NOT NULL AND NOT mine.redacted
    ) AS theirs
    WHERE mine.shop_id = shop AND mine.contact_id = theirs.survivor;

    INSERT INTO topic_choice AS held (shop_id, contact_id, channel, topic, wanted, at)
    SELECT shop, s.contact_id, t.channel, t.topic, t.wanted, t.at
    FROM staging.consent s JOIN topic_choice t ON t.shop_id = shop AND t.contact_id = s.merged
    WHERE s.run = p_run AND s.merged IS NOT NULL
    ON CONFLICT (shop_id, contact_id, channel, topic) DO UPDATE
        SET wanted = held.wanted AND excluded.wanted, at = greatest(held.at, excluded.at);
END $$;
REVOKE ALL ON FUNCTION consent_unite FROM PUBLIC;
