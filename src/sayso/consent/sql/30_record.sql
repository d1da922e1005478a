-- The door's last step. It runs with the owner's rights and is the only writer of state, ledger, evidence and
-- suppression; what it does with an event stands in consent_transition.
-- Planning is held to look-ups through the right index: a batch is small and the table large, whatever the statistics
-- say. They lie in a new shop, whose rows they have not seen: with `shop` as a known value every index that begins with
-- shop_id looks equally good (22 s instead of 60 ms for 5,000 contacts), so it is hidden in a sub-select.
CREATE OR REPLACE FUNCTION consent_record(p_run bigint, p_bulk boolean) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan SET jit = off
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    shop bigint := current_shop();
    moment timestamptz := clock_timestamp();
    this_round smallint := -2;
    doubles text[];  -- channels on which an opt-in must be confirmed
    double_sources text[];  -- where it came from; null: from anywhere
    again boolean;  -- coming back after an opt-out must be confirmed
    redactions boolean;
    -- Worked out once, not for each row: looking the sequence up took 14 µs a contact, the texts and lists 8 more.
    ledger_ids regclass := pg_get_serial_sequence('public.consent_ledger', 'id');
    recorded text := consent_time(moment);
    opt_ins text[] := ARRAY(SELECT event FROM consent_transition WHERE effect = 'opt_in');
    now_if_untimed text[] := ARRAY(SELECT event FROM consent_transition WHERE effect IN ('out', 'topic'));
    outs text[] := ARRAY(SELECT event FROM consent_transition WHERE effect IN ('out', 'merge'));
    merges boolean := EXISTS (SELECT FROM contact_merge g WHERE g.shop_id = current_shop() AND g.undone_at IS NULL);
    counts_now text[] := ARRAY(SELECT event FROM consent_transition WHERE effect IN ('out', 'resume', 'topic'));
BEGIN
    SELECT ARRAY(SELECT key FROM jsonb_each_text(coalesce(s.settings -> 'opt_in_confirmation', '{}')) WHERE value = 'DOUBLE'),
        (SELECT array_agg(source) FROM jsonb_array_elements_text(coalesce(s.settings -> 'double_opt_in_sources', '[]'))
            AS source),
        coalesce((s.settings ->> 'resubscribe_needs_confirmation')::boolean, false),
        EXISTS (SELECT FROM suppression u WHERE u.shop_id = s.id AND u.kind = 'REDACTED')
    INTO doubles, double_sources, again, redactions FROM shop s WHERE s.id = current_shop();

    -- One writer a contact: claims of messages lock the same rows, so a STOP and a hand-over are ordered; and what follows
    -- is computed from the state as it is read, so nobody else may write it meanwhile. Of an import only those who have a
    -- state: nobody else sees the others before it commits.
    IF p_bulk THEN
        PERFORM 1 FROM contact c
        JOIN LATERAL (SELECT true FROM consent_state st WHERE st.shop_id = (SELECT shop) AND st.contact_id = c.id LIMIT 1) st ON true
        WHERE c.shop_id = (SELECT shop)
            AND c.id = ANY (ARRAY(SELECT DISTINCT contact_id FROM staging.consent WHERE run = p_run))
            ORDER BY c.id FOR NO KEY UPDATE OF c;
    ELSE
        PERFORM 1 FROM contact c WHERE c.shop_id = (SELECT shop)
            AND c.id = ANY (ARRAY(
                SELECT contact_id FROM staging.consent WHERE run = p_run
                UNION
                -- Whom an opt-out will reach as well, in the same order: two that reach each other do not wait in a circle.
                SELECT holder.id FROM staging.consent s
                JOIN LATERAL (SELECT phone_key, email_key FROM contact c WHERE c.shop_id = (SELECT shop) AND c.id = s.contact_id
                    LIMIT 1) own ON true
                CROSS JOIN LATERAL (
                    SELECT id FROM contact WHERE shop_id = (SELECT shop) AND phone_key = own.phone_key
                        AND (s.whatsapp_event = ANY (outs) OR s.sms_event = ANY (outs))
                    UNION ALL
                    SELECT id FROM contact WHERE shop_id = (SELECT shop) AND email_key = own.email_key
                        AND s.email_event = ANY (outs)
                ) holder
                WHERE s.run = p_run))
            ORDER BY c.id FOR NO KEY UPDATE;
    END IF;

    PERFORM consent_unite(p_run, moment);

    -- What follows from the addresses alone, before anything is said about consent: round -1, the contact has another
    -- address than the state speaks of; round 0, somebody opted this address out before.
    INSERT INTO staging.consent (run, contact_id, round, source, actor_kind, whatsapp_event, whatsapp_at, sms_event,
        sms_at, email_event, email_at)
    SELECT p_run, s.contact_id, follows.*
    FROM (SELECT DISTINCT contact_id FROM staging.consent WHERE run = p_run) s
    JOIN LATERAL (SELECT phone_key, email_key FROM contact c WHERE c.shop_id = (SELECT shop) AND c.id = s.contact_id LIMIT 1) c
        ON true
    LEFT JOIN LATERAL (
        SELECT whatsapp_address_key, email_address_key, whatsapp_invalid OR sms_invalid AS phone_invalid, email_invalid
        FROM consent_state st
        WHERE st.shop_id = (SELECT shop) AND st.contact_id = s.contact_id LIMIT 1
    ) st ON true
    LEFT JOIN LATERAL (
        SELECT 'SUPPRESSED_ADDRESS' AS event, opted_out_at FROM suppression u
        WHERE u.shop_id = (SELECT shop) AND u.address_key = c.phone_key AND u.kind IN ('OPT_OUT', 'REDACTED')
        AND st.whatsapp_address_key IS DISTINCT FROM c.phone_key ORDER BY opted_out_at DESC LIMIT 1
    ) phone ON true
    LEFT JOIN LATERAL (
        SELECT 'SUPPRESSED_ADDRESS' AS event, opted_out_at FROM suppression u
        WHERE u.shop_id = (SELECT shop) AND u.address_key = c.email_key AND u.kind IN ('OPT_OUT', 'REDACTED')
        AND st.email_address_key IS DISTINCT FROM c.email_key ORDER BY opted_out_at DESC LIMIT 1
    ) email ON true
    CROSS JOIN LATERAL (
        SELECT -1, 'address', 'system', phone_event, NULL::timestamptz, phone_event, NULL::timestamptz, email_event,
            NULL::timestamptz
        FROM (SELECT CASE WHEN c.phone_key IS DISTINCT FROM st.whatsapp_address_key
                AND (st.whatsapp_address_key IS NOT NULL OR st.phone_invalid) THEN 'ADDRESS_CHANGED' END AS phone_event,
            CASE WHEN c.email_key IS DISTINCT FROM st.email_address_key
                AND (st.email_address_key IS NOT NULL OR st.email_invalid) THEN 'ADDRESS_CHANGED' END AS email_event) AS moved
        WHERE phone_event IS NOT NULL OR email_event IS NOT NULL
        UNION ALL
        SELECT 0, 'suppression', 'system', phone.event, phone.opted_out_at, phone.event, phone.opted_out_at, email.event,
            email.opted_out_at
        WHERE phone.event IS NOT NULL OR email.event IS NOT NULL
    ) AS follows;

    LOOP
        SELECT min(round) INTO this_round FROM staging.consent WHERE run = p_run AND round > this_round;
        EXIT WHEN this_round IS NULL;
        -- Whom an opt-out reached that somebody else made: held as the others are, most of them since the beginning.
        PERFORM 1 FROM contact c WHERE c.shop_id = (SELECT shop) AND c.id = ANY (ARRAY(
            SELECT contact_id FROM staging.consent WHERE run = p_run AND round = this_round AND caused_by IS NOT NULL))
            ORDER BY c.id FOR NO KEY UPDATE;

        WITH done AS MATERIALIZED (
            SELECT i.*,
                CASE WHEN email_event IS NULL THEN sms_hash_at ELSE sha256(convert_to(email_entry, 'UTF8')) END AS new_head
            FROM (SELECT h.*, CASE WHEN email_event IS NOT NULL THEN consent_entry(shop, email_id, contact_id, 'email',
                    email_event, email_occurred, recorded, email_from, email_to, email_outcome, email_code, source,
                    email_new_basis, wording_version, language, actor_kind, caused_by, email_event_key,
                    email_digest, sms_hash_at, topic) END AS email_entry
            FROM (SELECT g.*, CASE WHEN sms_event IS NULL THEN whatsapp_hash_at
                    ELSE sha256(convert_to(sms_entry, 'UTF8')) END AS sms_hash_at
            FROM (SELECT f.*, CASE WHEN sms_event IS NOT NULL THEN consent_entry(shop, sms_id, contact_id, 'sms',
                    sms_event, sms_occurred, recorded, sms_from, sms_to, sms_outcome, sms_code, source,
                    sms_new_basis, wording_version, language, actor_kind, caused_by, sms_event_key,
                    sms_digest, whatsapp_hash_at, topic) END AS sms_entry
            FROM (SELECT e.*, CASE WHEN whatsapp_event IS NULL THEN head_hash
                    ELSE sha256(convert_to(whatsapp_entry, 'UTF8')) END AS whatsapp_hash_at
            FROM (SELECT d.*, CASE WHEN whatsapp_event IS NOT NULL THEN consent_entry(shop, whatsapp_id, contact_id,
                    'whatsapp', whatsapp_event, whatsapp_occurred, recorded, whatsapp_from, whatsapp_to, whatsapp_outcome,
                    whatsapp_code, source, whatsapp_new_basis, wording_version, language, actor_kind, caused_by,
                    whatsapp_event_key, whatsapp_digest, head_hash, topic) END AS whatsapp_entry
            -- The states that follow, and what the ledger says of each event.
            FROM (SELECT c.*
                /*each*/,
                CASE WHEN <c>_event IS NULL THEN NULL
                    WHEN <c>_verdict = 'ACCEPTED' AND <c>_to = <c>_from THEN 'NO_CHANGE'
                    WHEN <c>_verdict = 'NO_CHANGE' AND <c>_to <> <c>_from THEN 'ACCEPTED'
                    ELSE <c>_verdict END AS <c>_outcome,
                CASE WHEN <c>_to <> 'SUBSCRIBED' THEN NULL
                    WHEN <c>_new_opt_in > coalesce(<c>_new_out, '-infinity') THEN <c>_new_opt_in_basis
                    ELSE <c>_new_weak_basis END AS <c>_new_basis,
                CASE WHEN <c>_event IS NOT NULL THEN nextval(ledger_ids) END
                    AS <c>_id,
                CASE WHEN <c>_evidence IS NOT NULL AND <c>_code IS DISTINCT FROM 'REDACTED'  -- of an erased person nothing is kept
                    THEN sha256(<c>_salt || convert_to(<c>_evidence, 'UTF8')) END AS <c>_digest
                /*end*/
            FROM (SELECT b.*
                /*each*/,
                CASE WHEN <c>_event IS NULL THEN <c>_from ELSE consent_fold(new_redacted, <c>_new_out, <c>_new_opt_in,
                    <c>_new_pending, <c>_new_weak, <c>_new_invalid, <c>_new_shop_value) END AS <c>_to
                /*end*/
            FROM (SELECT aa.*,
                CASE WHEN new_phone_out >= coalesce(new_resumed, '-infinity') THEN new_phone_out END AS whatsapp_new_out,
                new_phone_out AS sms_new_out,
                new_email_out AS email_new_out
            -- The newest times after the event.
            FROM (SELECT a.*,
                redacted /*each*/ OR coalesce(<c>_counts AND <c>_effect = 'redact', false) /*end*/ AS new_redacted,
                greatest(phone_out_at, CASE WHEN whatsapp_ends THEN whatsapp_t END, CASE WHEN sms_ends THEN sms_t END)
                    AS new_phone_out,
                greatest(email_out_at, CASE WHEN email_ends THEN email_t END) AS new_email_out,
                greatest(whatsapp_resumed_at, CASE WHEN whatsapp_counts AND whatsapp_effect = 'resume' THEN whatsapp_t END)
                    AS new_resumed
                /*each*/,
                CASE WHEN NOT <c>_counts THEN <c>_opt_in_at
                    WHEN <c>_effect = 'opt_in' THEN greatest(<c>_opt_in_at, <c>_t)
                    WHEN <c>_effect = 'confirm' THEN greatest(<c>_opt_in_at, <c>_pending_at)
                    WHEN <c>_effect = 'moved' THEN NULL ELSE <c>_opt_in_at END AS <c>_new_opt_in,
                CASE WHEN NOT <c>_counts THEN <c>_opt_in_basis
                    WHEN <c>_effect = 'confirm' THEN <c>_cell_basis
                    WHEN <c>_effect = 'moved' THEN NULL
                    -- Saying yes once more does not take the confirmation back.
                    WHEN <c>_effect = 'opt_in' AND <c>_t >= coalesce(<c>_opt_in_at, '-infinity')
                        AND NOT (<c>_from = 'SUBSCRIBED' AND coalesce(<c>_opt_in_basis = 'DOUBLE_OPT_IN', false))
                        THEN coalesce(<c>_said_basis, <c>_cell_basis)
                    ELSE <c>_opt_in_basis END AS <c>_new_opt_in_basis,
                CASE WHEN NOT <c>_counts THEN <c>_pending_at
                    WHEN <c>_effect = 'pending' THEN greatest(<c>_pending_at, <c>_t)
                    WHEN <c>_effect IN ('confirm', 'expire', 'moved') THEN NULL ELSE <c>_pending_at END AS <c>_new_pending,
                CASE WHEN NOT <c>_counts THEN <c>_weak_at
                    WHEN <c>_effect IN ('weak', 'chat') THEN greatest(<c>_weak_at, <c>_t)
                    WHEN <c>_effect = 'moved' OR (<c>_effect = 'unweak' AND <c>_weak_basis = 'INFERRED') THEN NULL
                    ELSE <c>_weak_at END AS <c>_new_weak,
                CASE WHEN NOT <c>_counts THEN <c>_weak_basis
                    WHEN <c>_effect = 'moved' OR (<c>_effect = 'unweak' AND <c>_weak_basis = 'INFERRED') THEN NULL
                    WHEN <c>_effect IN ('weak', 'chat') AND coalesce(<c>_weak_basis, 'INFERRED') = 'INFERRED'
                        THEN coalesce(<c>_said_basis, <c>_cell_basis)
                    ELSE <c>_weak_basis END AS <c>_new_weak_basis,
                CASE WHEN NOT <c>_counts THEN <c>_invalid
                    WHEN <c>_effect = 'invalid' THEN true
                    WHEN <c>_effect IN ('opt_in', 'pending', 'chat', 'proven', 'moved') THEN false
                    ELSE <c>_invalid END AS <c>_new_invalid,
                CASE WHEN <c>_counts AND <c>_effect = 'moved' THEN NULL
                    WHEN <c>_reads THEN <c>_said_value ELSE <c>_shop_value END AS <c>_new_shop_value,
                CASE WHEN <c>_counts AND <c>_effect = 'moved' THEN NULL
                    WHEN <c>_reads THEN <c>_at ELSE <c>_shop_at END AS <c>_new_shop_at
                /*end*/
            FROM (SELECT vv.*
                /*each*/,
                -- A merge is an opt-out where consent_unite found one on either side, and gave it a time.
                <c>_counts AND (<c>_effect = 'out' OR (<c>_effect = 'merge' AND <c>_at IS NOT NULL)) AS <c>_ends
                /*end*/
            FROM (SELECT v.*
                /*each*/,
                coalesce(<c>_verdict <> 'REFUSED' OR <c>_code IN ('STALE', 'AWAITS_CUSTOMER'), false) AS <c>_counts,
                <c>_event IS NOT NULL AND <c>_said_value IS NOT NULL AND coalesce(<c>_code, '') NOT IN ('NO_ADDRESS', 'OTHER_ADDRESS', 'FUTURE_TIME')
                    AND coalesce(<c>_at, '-infinity') >= coalesce(<c>_shop_at, '-infinity') AS <c>_reads
                /*end*/
            -- The verdict of the table.
            FROM (SELECT w.*
                /*each*/,
                CASE WHEN <c>_event IS NULL THEN NULL
                    WHEN <c>_early OR <c>_elsewhere THEN 'REFUSED'
                    WHEN <c>_holds THEN <c>_then ELSE <c>_otherwise END AS <c>_verdict,
                CASE WHEN <c>_event IS NULL THEN NULL
                    WHEN <c>_early THEN 'FUTURE_TIME' WHEN <c>_elsewhere THEN
                        CASE WHEN <c>_event_key IS NULL THEN 'NO_ADDRESS' ELSE 'OTHER_ADDRESS' END
                    WHEN <c>_holds THEN <c>_then_code ELSE <c>_otherwise_code END AS <c>_code
                /*end*/
            FROM (SELECT u.*
                /*each*/,
                t_<c>.effect AS <c>_effect, t_<c>.basis AS <c>_cell_basis,
                t_<c>.outcome AS <c>_then, t_<c>.code AS <c>_then_code,
                t_<c>.else_outcome AS <c>_otherwise, t_<c>.else_code AS <c>_otherwise_code,
                CASE t_<c>.guard
                    WHEN '' THEN true
                    WHEN 'newer' THEN <c>_out IS NULL OR <c>_t > <c>_out
                    WHEN 'weak' THEN <c>_opt_in_at IS NULL
                    WHEN 'usable' THEN <c>_current_key IS NOT NULL
                    WHEN 'not_before_pending' THEN <c>_pending_at IS NULL OR <c>_t >= <c>_pending_at
                    WHEN 'not_before_opt_in' THEN <c>_opt_in_at IS NULL OR <c>_t >= <c>_opt_in_at
                    WHEN 'not_before_either' THEN <c>_t >= greatest(<c>_pending_at, <c>_opt_in_at, '-infinity')
                    WHEN 'unexpired' THEN <c>_pending_at > moment - interval '7 days'
                    WHEN 'inferred' THEN <c>_basis IS NOT DISTINCT FROM 'INFERRED'
                END AS <c>_holds,
                t_<c>.effect IN ('opt_in', 'pending', 'weak', 'chat') AND <c>_at > moment + interval '5 minutes' AS <c>_early,
                t_<c>.effect IN ('opt_in', 'pending', 'confirm', 'weak', 'chat', 'resume', 'absent', 'invalid', 'proven')
                    -- Who has no address agrees to nothing: it would count for whichever address comes next.
                    AND (<c>_event_key IS DISTINCT FROM <c>_current_key
                        OR (<c>_current_key IS NULL AND t_<c>.effect IN ('opt_in', 'pending', 'weak', 'chat'))) AS <c>_elsewhere
                /*end*/
            -- An opt-in that must be confirmed is an unconfirmed one: by the shop's settings, and always at an address whose
            -- former holder had it redacted (features §7.2).
            FROM (SELECT q.*
                /*each*/,
                CASE WHEN <c>_said_event = ANY (opt_ins) AND NOT redacted AND (
                    (('<c>' = ANY (doubles) AND (double_sources IS NULL OR source = ANY (double_sources))
                        OR again AND <c>_from = 'UNSUBSCRIBED') AND <c>_said_basis IS DISTINCT FROM 'DOUBLE_OPT_IN')
                    OR CASE WHEN redactions THEN EXISTS (SELECT FROM suppression r WHERE r.shop_id = (SELECT shop)
                        AND r.address_key = <c>_current_key AND r.kind = 'REDACTED') END)
                    THEN 'OPT_IN_UNCONFIRMED' ELSE <c>_said_event END AS <c>_event
                /*end*/
            FROM (SELECT s.contact_id, coalesce(s.source, '') AS source, coalesce(s.actor_kind, 'system') AS actor_kind,
                s.wording_version, s.language, s.caused_by, s.topic,
                c.phone_key, c.email_key, st.contact_id IS NULL AS stateless,
                coalesce(st.redacted, false) AS redacted, st.phone_out_at, st.email_out_at, st.whatsapp_resumed_at,
                st.head_hash,
                CASE WHEN st.phone_out_at >= coalesce(st.whatsapp_resumed_at, '-infinity') THEN st.phone_out_at END
                    AS whatsapp_out,
                st.phone_out_at AS sms_out, st.email_out_at AS email_out
                /*each*/,
                -- Reading again what the shop's platform said already is no event.
                CASE WHEN s.<c>_shop_value IS NOT NULL AND s.<c>_shop_value = st.<c>_shop_value
                    AND s.<c>_at IS NOT DISTINCT FROM st.<c>_shop_at THEN NULL ELSE s.<c>_event END AS <c>_said_event,
                s.<c>_at, s.<c>_shop_value AS <c>_said_value, s.<c>_basis AS <c>_said_basis, s.<c>_evidence,
                CASE WHEN s.<c>_evidence IS NOT NULL THEN uuid_send(gen_random_uuid()) END AS <c>_salt,
                <key> AS <c>_current_key,
                coalesce(s.<c>_key, <key>) AS <c>_event_key,
                -- Opt-outs are never refused for time: a missing or future one is now. An opt-in without is older than all.
                CASE WHEN s.<c>_event = ANY (now_if_untimed)
                    THEN least(coalesce(s.<c>_at, moment), moment)
                    WHEN s.<c>_at IS NOT NULL THEN least(s.<c>_at, moment) END AS <c>_occurred,
                date_trunc('second', CASE
                    WHEN s.<c>_event = ANY (counts_now)
                    THEN least(coalesce(s.<c>_at, moment), moment)
                    ELSE least(coalesce(s.<c>_at, 'epoch'), moment) END) AS <c>_t,  -- not -infinity: it is stored, and read by programs
                coalesce(st.<c>_state, 'UNKNOWN') AS <c>_from, st.<c>_since, st.<c>_basis, st.<c>_source,
                st.<c>_opt_in_at, st.<c>_pending_at, st.<c>_weak_at, st.<c>_opt_in_basis, st.<c>_weak_basis, coalesce(st.<c>_invalid, false) AS <c>_invalid,
                st.<c>_shop_value, st.<c>_shop_at, st.<c>_address_key
                /*end*/
            FROM staging.consent s
            JOIN LATERAL (SELECT phone_key, email_key FROM contact c WHERE c.shop_id = (SELECT shop) AND c.id = s.contact_id LIMIT 1) c
                ON true
            LEFT JOIN LATERAL (SELECT * FROM consent_state st WHERE st.shop_id = (SELECT shop) AND st.contact_id = s.contact_id
                LIMIT 1) st ON true
            WHERE s.run = p_run AND s.round = this_round
            OFFSET 0) q OFFSET 0) u
            /*each*/ LEFT JOIN consent_transition t_<c> ON t_<c>.event = u.<c>_event AND t_<c>.from_state = u.<c>_from
            /*end*/
            -- A batch that says nothing new writes nothing: an unchanged import costs look-ups alone.
            WHERE stateless /*each*/ OR u.<c>_event IS NOT NULL OR <c>_address_key IS DISTINCT FROM <c>_current_key /*end*/
            OFFSET 0) w OFFSET 0) v OFFSET 0) vv OFFSET 0) a OFFSET 0) aa OFFSET 0) b OFFSET 0) c OFFSET 0) d OFFSET 0) e
            OFFSET 0) f OFFSET 0) g OFFSET 0) h OFFSET 0) i
        ), slots AS (
            SELECT done.contact_id, source, actor_kind, wording_version, language, caused_by, topic, slot.*
            FROM done CROSS JOIN LATERAL (VALUES
                ('whatsapp', whatsapp_id, whatsapp_event, whatsapp_occurred, whatsapp_from, whatsapp_to, whatsapp_outcome,
                    whatsapp_code, whatsapp_new_basis, whatsapp_event_key, whatsapp_digest, whatsapp_salt,
                    whatsapp_evidence, whatsapp_entry, head_hash, whatsapp_hash_at),
                ('sms', sms_id, sms_event, sms_occurred, sms_from, sms_to, sms_outcome,
                    sms_code, sms_new_basis, sms_event_key, sms_digest, sms_salt,
                    sms_evidence, sms_entry, whatsapp_hash_at, sms_hash_at),
                ('email', email_id, email_event, email_occurred, email_from, email_to, email_outcome,
                    email_code, email_new_basis, email_event_key, email_digest, email_salt,
                    email_evidence, email_entry, sms_hash_at, new_head)
            ) AS slot (channel, id, event, occurred_at, from_state, to_state, outcome, code, basis, address_key, digest,
                salt, evidence, entry, prev_hash, hash)
            WHERE slot.event IS NOT NULL
        ), ledger AS (
            INSERT INTO consent_ledger (shop_id, id, contact_id, channel, event, occurred_at, recorded_at, from_state,
                to_state, outcome, refusal_code, source, basis, wording_version, language, actor_kind, caused_by,
                address_key, evidence_digest, entry, prev_hash, hash, topic)
            SELECT shop, id, contact_id, channel, event, CASE WHEN isfinite(occurred_at) THEN occurred_at END, moment,
                from_state, to_state, outcome, code, source, basis, wording_version, language, actor_kind, caused_by,
                address_key, digest, entry, prev_hash, hash, topic
            FROM slots
        ), kept AS (
            INSERT INTO consent_evidence (shop_id, ledger_id, salt, data)
            SELECT shop, id, salt, evidence FROM slots WHERE digest IS NOT NULL
        ), projected AS (
            INSERT INTO consent_state AS st (shop_id, contact_id, phone_out_at, email_out_at, whatsapp_resumed_at,
                redacted, head_hash
                /*each*/, <c>_state, <c>_since, <c>_basis, <c>_source, <c>_address_key, <c>_opt_in_at, <c>_pending_at,
                <c>_weak_at, <c>_opt_in_basis, <c>_weak_basis, <c>_invalid, <c>_shop_value, <c>_shop_at /*end*/)
            SELECT shop, contact_id, new_phone_out, new_email_out, new_resumed, new_redacted, new_head
                /*each*/, <c>_to, CASE WHEN <c>_to = <c>_from THEN <c>_since
                    WHEN isfinite(<c>_occurred) THEN <c>_occurred ELSE moment END,
                <c>_new_basis, CASE WHEN <c>_to = <c>_from THEN <c>_source ELSE source END, <c>_current_key,
                <c>_new_opt_in, <c>_new_pending, <c>_new_weak, <c>_new_opt_in_basis, <c>_new_weak_basis, <c>_new_invalid,
                <c>_new_shop_value, <c>_new_shop_at /*end*/
            FROM done
            ON CONFLICT (shop_id, contact_id) DO UPDATE SET
                phone_out_at = excluded.phone_out_at, email_out_at = excluded.email_out_at,
                whatsapp_resumed_at = excluded.whatsapp_resumed_at, redacted = excluded.redacted,
                head_hash = excluded.head_hash
                /*each*/, <c>_state = excluded.<c>_state, <c>_since = excluded.<c>_since, <c>_basis = excluded.<c>_basis,
                <c>_source = excluded.<c>_source, <c>_address_key = excluded.<c>_address_key,
                <c>_opt_in_at = excluded.<c>_opt_in_at, <c>_pending_at = excluded.<c>_pending_at,
                <c>_weak_at = excluded.<c>_weak_at, <c>_opt_in_basis = excluded.<c>_opt_in_basis,
                <c>_weak_basis = excluded.<c>_weak_basis, <c>_invalid = excluded.<c>_invalid,
                <c>_shop_value = excluded.<c>_shop_value, <c>_shop_at = excluded.<c>_shop_at /*end*/
        ), suppressed AS (
            INSERT INTO suppression AS held (shop_id, address_key, kind, opted_out_at, source)
            SELECT shop, key, kind, max(t), min(source) FROM done CROSS JOIN LATERAL (VALUES
                ('OPT_OUT', CASE WHEN whatsapp_ends THEN whatsapp_event_key END, whatsapp_t),
                ('OPT_OUT', CASE WHEN sms_ends THEN sms_event_key END, sms_t),
                ('OPT_OUT', CASE WHEN email_ends THEN email_event_key END, email_t),
                ('REDACTED', CASE WHEN whatsapp_counts AND whatsapp_effect = 'redact' THEN phone_key END, moment),
                ('REDACTED', CASE WHEN email_counts AND email_effect = 'redact' THEN email_key END, moment)
            ) AS ended (kind, key, t)
            WHERE (whatsapp_ends OR sms_ends OR email_ends OR new_redacted) AND key IS NOT NULL GROUP BY key, kind ORDER BY key, kind
            ON CONFLICT (shop_id, address_key, kind) DO UPDATE SET opted_out_at = excluded.opted_out_at
                WHERE held.opted_out_at < excluded.opted_out_at
        ), chosen AS (
            INSERT INTO topic_choice AS held (shop_id, contact_id, channel, topic, wanted, at)
            SELECT shop, contact_id, channel, topic, event = 'TOPIC_ON', occurred_at FROM slots
            WHERE event IN ('TOPIC_ON', 'TOPIC_OFF') AND outcome <> 'REFUSED' ORDER BY contact_id, channel, topic
            ON CONFLICT (shop_id, contact_id, channel, topic) DO UPDATE SET wanted = excluded.wanted, at = excluded.at
                WHERE held.at < excluded.at OR (held.at = excluded.at AND NOT excluded.wanted)
        ), asked AS (
            INSERT INTO event (shop_id, kind, contact_id, occurred_at, actor_kind, origin, bulk, data)
            SELECT shop, 'consent.confirmation_requested', contact_id, moment, actor_kind, source, p_bulk,
                jsonb_build_object('channel', channel, 'ledger_id', id, 'opt_in_at', occurred_at, 'language', language)
            FROM slots WHERE event = 'OPT_IN_UNCONFIRMED' AND to_state = 'PENDING' AND outcome <> 'REFUSED'
        ), told AS (
            INSERT INTO event (shop_id, kind, contact_id, occurred_at, actor_kind, origin, bulk, data)
            SELECT shop, 'consent.changed', contact_id, moment, actor_kind, source, p_bulk, changes
            FROM done CROSS JOIN LATERAL (SELECT jsonb_strip_nulls(jsonb_build_object(
                'whatsapp', CASE WHEN whatsapp_to <> whatsapp_from THEN jsonb_build_array(whatsapp_from, whatsapp_to) END,
                'sms', CASE WHEN sms_to <> sms_from THEN jsonb_build_array(sms_from, sms_to) END,
                'email', CASE WHEN email_to <> email_from THEN jsonb_build_array(email_from, email_to) END)) AS changes) AS c
            WHERE whatsapp_to <> whatsapp_from OR sms_to <> sms_from OR email_to <> email_from
        )
        -- An opt-out in one phone channel is one in both; and every opt-out is one for every contact that holds the address,
        -- and for whom such a contact is part of.
        INSERT INTO staging.consent (run, contact_id, round, source, actor_kind, caused_by, whatsapp_event, whatsapp_at,
            sms_event, sms_at, email_event, email_at)
        -- In rounds of their own, behind all others: a holder may have rows in any of those, and may hold both addresses.
        SELECT p_run, holder, CASE WHEN by_phone THEN 1 ELSE 2 END + (SELECT max(round) FROM staging.consent WHERE run = p_run),
            source, actor_kind, cause, whatsapp, at, sms, at, email, at
        FROM (
            SELECT DISTINCT ON (holder, by_phone) holder, by_phone, o.source, o.actor_kind, o.cause, o.at,
                CASE WHEN by_phone AND (holder <> o.contact_id OR NOT o.whatsapp_too) THEN 'OPT_OUT' END AS whatsapp,
                CASE WHEN by_phone AND (holder <> o.contact_id OR NOT o.sms_too) THEN 'OPT_OUT' END AS sms,
                CASE WHEN NOT by_phone AND holder <> o.contact_id THEN 'OPT_OUT' END AS email
            FROM (
                SELECT contact_id, source, actor_kind, whatsapp_ends AS whatsapp_too, sms_ends AS sms_too, way.*
                FROM done CROSS JOIN LATERAL (VALUES
                    -- A suppression is the trace of an opt-out that reached everybody when it was made.
                    (true, (whatsapp_ends OR sms_ends) AND coalesce(whatsapp_event, sms_event) <> 'SUPPRESSED_ADDRESS',
                        CASE WHEN whatsapp_ends THEN whatsapp_id ELSE sms_id END,
                        greatest(CASE WHEN whatsapp_ends THEN whatsapp_t END, CASE WHEN sms_ends THEN sms_t END),
                        CASE WHEN whatsapp_ends THEN whatsapp_event_key ELSE sms_event_key END),
                    (false, email_ends AND email_event <> 'SUPPRESSED_ADDRESS', email_id, email_t, email_event_key)
                ) AS way (by_phone, spreads, cause, at, key)
                WHERE caused_by IS NULL AND way.spreads
            ) o
            CROSS JOIN LATERAL (
                SELECT array_agg(c.id) AS ids FROM (
                    SELECT id FROM contact WHERE o.by_phone AND shop_id = (SELECT shop) AND phone_key = o.key
                    UNION ALL
                    SELECT id FROM contact WHERE NOT o.by_phone AND shop_id = (SELECT shop) AND email_key = o.key
                    UNION ALL
                    SELECT o.contact_id
                ) c
            ) held
            CROSS JOIN LATERAL (
                SELECT unnest(held.ids) AS holder
                UNION
                SELECT p.survivor FROM contact_survivors(held.ids) p WHERE merges
            ) holders
            LEFT JOIN LATERAL (
                SELECT CASE WHEN o.by_phone THEN phone_out_at ELSE email_out_at END AS out_at FROM consent_state st
                WHERE st.shop_id = (SELECT shop) AND st.contact_id = holder LIMIT 1
            ) st ON true
            WHERE holder = o.contact_id OR st.out_at IS NULL OR st.out_at < o.at
            ORDER BY holder, by_phone, o.at DESC
        ) AS spread
        WHERE whatsapp IS NOT NULL OR sms IS NOT NULL OR email IS NOT NULL;
    END LOOP;
END $$;
REVOKE ALL ON FUNCTION consent_record FROM PUBLIC;
GRANT EXECUTE ON FUNCTION consent_record TO sayso_app;
