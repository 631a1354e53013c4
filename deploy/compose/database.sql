-- What PostgreSQL runs once, on an empty volume: the role of the service, which owns one database and is no superuser.
\set ON_ERROR_STOP on
\set password `cat "$DATABASE_PASSWORD_FILE"`
-- neither this statement nor a mistake in it goes to the server's log
SET log_statement = 'none';
SET log_min_error_statement = 'panic';
CREATE ROLE mda5_cds LOGIN PASSWORD :'password';
CREATE DATABASE mda5_cds OWNER mda5_cds;
REVOKE CONNECT ON DATABASE mda5_cds FROM PUBLIC;
