-- Which app speaks for which store. Deliveries are verified before their shop is known, so the owner answers.
CREATE OR REPLACE FUNCTION shopify_served() RETURNS TABLE (provider_app bigint, domain text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT DISTINCT c.provider_app_id, s.domain::text FROM shopify_connection c JOIN shop s ON s.id = c.shop_id
$$;
REVOKE ALL ON FUNCTION shopify_served FROM PUBLIC;
GRANT EXECUTE ON FUNCTION shopify_served TO sayso_app;
