<?php
declare(strict_types=1);

use Standin\Server;

foreach ([
    'CREATE TABLE IF NOT EXISTS {user_oidc_providers} (id serial PRIMARY KEY, identifier varchar(128) NOT NULL UNIQUE,
        client_id varchar(255) NOT NULL, client_secret text NOT NULL, discovery_endpoint varchar(255),
        end_session_endpoint varchar(255), post_logout_uri varchar(255), scope varchar(255) NOT NULL)',
    'CREATE TABLE IF NOT EXISTS {user_oidc} (id serial PRIMARY KEY, user_id varchar(64) NOT NULL UNIQUE, display_name varchar(255))',
    'CREATE TABLE IF NOT EXISTS {user_oidc_sessions} (id serial PRIMARY KEY, sid varchar(256) NOT NULL, sub varchar(256) NOT NULL,
        iss varchar(512) NOT NULL, authtoken_id int NOT NULL, provider_id int NOT NULL, created_at int NOT NULL)',
] as $sql) {
    Server::database()->run($sql);
}
