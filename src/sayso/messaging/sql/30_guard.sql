-- The database's own guard, behind the gate: what must never be sent is refused here even if the program is wrong.

-- A message is born QUEUED (out) or RECEIVED (in), with the purpose its template and origin give.
CREATE OR REPLACE FUNCTION message_is_born_honest() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    wrong text;
BEGIN
    SELECT format('message %s: status %s, purpose %s', m.id, m.status, m.purpose) INTO wrong
    FROM fresh m LEFT JOIN template t ON t.shop_id = m.shop_id AND t.id = m.template_id
    WHERE CASE m.direction
        WHEN 'OUT' THEN m.status <> 'QUEUED' OR m.address_key IS NULL OR m.purpose IS NULL
            OR m.purpose IS DISTINCT FROM CASE WHEN m.origin = 'SYSTEM'
                THEN message_reply_purpose(m.origin_id, m.contact_id, m.channel) ELSE message_purpose(t.category, m.origin) END
            OR (m.template_id IS NOT NULL AND t.id IS NULL)
            OR (m.origin = 'SYSTEM' AND t.category = 'MARKETING')
        ELSE m.status <> 'RECEIVED'
    END LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'a message begins QUEUED or RECEIVED, with the purpose of its template (%)', wrong
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER born_honest AFTER INSERT ON message REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION message_is_born_honest();

-- Nothing moves to SENDING but through message_claim, and not even that for somebody the gate refuses.
CREATE OR REPLACE FUNCTION message_may_be_sent() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp
SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    category text;
    refusal text;
    key bytea;
BEGIN
    IF current_user <> 'sayso_owner' THEN
        RAISE EXCEPTION 'a message is handed over by message_claim alone' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF OLD.status <> 'QUEUED' OR NEW.direction <> 'OUT' THEN
        RAISE EXCEPTION 'message % is %, not QUEUED', NEW.id, OLD.status USING ERRCODE = 'check_violation';
    END IF;
    SELECT t.category INTO category FROM template t WHERE t.shop_id = NEW.shop_id AND t.id = NEW.template_id;
    IF NEW.purpose IS NULL OR NEW.purpose IS DISTINCT FROM (CASE WHEN NEW.origin = 'SYSTEM'
        THEN message_reply_purpose(NEW.origin_id, NEW.contact_id, NEW.channel) ELSE message_purpose(category, NEW.origin) END)
    THEN
        RAISE EXCEPTION 'message % claims to be %, its template is %', NEW.id, NEW.purpose, category
            USING ERRCODE = 'check_violation';
    END IF;
    SELECT g.code, g.address_key INTO refusal, key FROM message_gate(NEW.channel, NEW.purpose, ARRAY[NEW.contact_id], NEW.topic) g;
    IF NOT FOUND OR refusal IS NOT NULL OR key IS DISTINCT FROM NEW.address_key THEN
        RAISE EXCEPTION 'contact % may not be messaged: %', NEW.contact_id, coalesce(refusal, 'another address')
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.origin = 'SYSTEM' THEN
        refusal := message_reply_refusal(NEW.origin_id, NEW.contact_id, NEW.channel, NEW.template_id, NEW.sender_id);
        IF refusal IS NOT NULL THEN
            RAISE EXCEPTION 'contact % may not be answered: %', NEW.contact_id, refusal USING ERRCODE = 'check_violation';
        END IF;
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER may_be_sent BEFORE UPDATE ON message
    FOR EACH ROW WHEN (NEW.status = 'SENDING' AND OLD.status IS DISTINCT FROM 'SENDING')
    EXECUTE FUNCTION message_may_be_sent();

GRANT UPDATE (status, not_before, attempt, body, parameters, sent_at, delivered_at, read_at, failed_at, provider_id,
    error_code, provider_code, provider_text) ON message TO sayso_app;
