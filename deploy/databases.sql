-- Three databases and a role each, so that no process reads another's. Run once, as an administrator:
--   GATEWAY_PASSWORD=… ENGINE_PASSWORD=… ACTIONS_PASSWORD=… psql -v ON_ERROR_STOP=1 -f databases.sql postgres
-- The tables are made by the processes themselves.
\getenv gateway_password GATEWAY_PASSWORD
\getenv engine_password ENGINE_PASSWORD
\getenv actions_password ACTIONS_PASSWORD

CREATE ROLE anxin_gateway LOGIN PASSWORD :'gateway_password';
CREATE ROLE anxin_engine LOGIN PASSWORD :'engine_password';
CREATE ROLE anxin_actions LOGIN PASSWORD :'actions_password';

CREATE DATABASE conversations OWNER anxin_gateway ENCODING 'UTF8' TEMPLATE template0;
CREATE DATABASE trackers OWNER anxin_engine ENCODING 'UTF8' TEMPLATE template0;
CREATE DATABASE security OWNER anxin_actions ENCODING 'UTF8' TEMPLATE template0;

-- PostgreSQL lets everybody connect to a new database.
REVOKE ALL ON DATABASE conversations, trackers, security FROM PUBLIC;
