-- What needs a superuser, once per server and database; running it again changes nothing.
-- The two roles are made by the caller, with passwords where the server asks for them.
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE SCHEMA IF NOT EXISTS staging AUTHORIZATION sayso_owner;
GRANT USAGE ON SCHEMA staging TO sayso_app;
ALTER SCHEMA public OWNER TO sayso_owner;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO sayso_app;
-- A function that is not leakproof may not use an index under row-level security: trigram search over
-- 500,000 rows took 132 ms instead of 1.6 ms. None of these reveals its arguments.
ALTER FUNCTION textlike(text, text) LEAKPROOF;
ALTER FUNCTION texticlike(text, text) LEAKPROOF;
ALTER FUNCTION arraycontains(anyarray, anyarray) LEAKPROOF;
ALTER FUNCTION arrayoverlap(anyarray, anyarray) LEAKPROOF;
ALTER FUNCTION lower(text) LEAKPROOF;
