<?php
declare(strict_types=1);

namespace Standin\Db;

/** The tables that the stand-in needs, under upstream's names. */
final class Schema
{
    private const TABLES = [
        'CREATE TABLE {appconfig} (appid varchar(32) NOT NULL, configkey varchar(64) NOT NULL, configvalue text,
            type int NOT NULL DEFAULT 2, lazy smallint NOT NULL DEFAULT 0, PRIMARY KEY (appid, configkey))',
        'CREATE TABLE {users} (uid varchar(64) PRIMARY KEY, displayname varchar(64), password varchar(255) NOT NULL,
            uid_lower varchar(64))',
        'CREATE TABLE {groups} (gid varchar(64) PRIMARY KEY, displayname varchar(255) NOT NULL)',
        'CREATE TABLE {group_user} (gid varchar(64) NOT NULL, uid varchar(64) NOT NULL, PRIMARY KEY (gid, uid))',
        'CREATE TABLE {preferences} (userid varchar(64) NOT NULL, appid varchar(32) NOT NULL, configkey varchar(64) NOT NULL,
            configvalue text, PRIMARY KEY (userid, appid, configkey))',
        'CREATE TABLE {authtoken} (id bigserial PRIMARY KEY, uid varchar(64) NOT NULL, login_name varchar(255) NOT NULL,
            name text NOT NULL, token varchar(200) NOT NULL UNIQUE, type smallint NOT NULL, last_activity bigint NOT NULL)',
        'CREATE TABLE {filecache} (fileid bigserial PRIMARY KEY, owner varchar(64) NOT NULL, path varchar(4000) NOT NULL,
            size bigint NOT NULL, mtime bigint NOT NULL, etag varchar(40) NOT NULL, mimetype varchar(255) NOT NULL,
            UNIQUE (owner, path))',
        'CREATE TABLE {properties} (id bigserial PRIMARY KEY, userid varchar(64), propertypath varchar(255),
            propertyname varchar(255), propertyvalue text)',
        'CREATE TABLE {jobs} (id bigserial PRIMARY KEY, class varchar(255) NOT NULL, argument varchar(4000) NOT NULL,
            last_run bigint NOT NULL DEFAULT 0)',
    ];
    /** Left out of a fresh installation, as upstream leaves out the indices that db:add-missing-indices adds. */
    private const LATE_INDICES = [
        'fs_storage_path_prefix' => ['filecache', 'owner, path'],
        'properties_name_path_user' => ['properties', 'propertyname, propertypath, userid'],
    ];
    private const JOBS = [
        'OCA\DAV\BackgroundJob\EventReminderJob',
        'OC\Authentication\Token\TokenCleanupJob',
        'OC\Log\Rotate',
        'OC\Preview\BackgroundCleanupJob',
    ];

    public function __construct(private Connection $database)
    {
    }

    public function create(): void
    {
        foreach (self::TABLES as $sql) {
            $this->database->run(str_replace('CREATE TABLE', 'CREATE TABLE IF NOT EXISTS', $sql));
        }
        foreach (self::JOBS as $class) {
            $this->database->run("INSERT INTO {jobs} (class, argument) VALUES (?, 'null')", [$class]);
        }
    }

    /** @return array<string, array{string, string}> name to table and columns */
    public function missingIndices(): array
    {
        $present = array_column($this->database->rows(
            'SELECT indexname FROM pg_indexes WHERE schemaname = current_schema()',
        ), 'indexname');
        return array_filter(
            self::LATE_INDICES,
            static fn (string $name): bool => !in_array($name, $present, true),
            ARRAY_FILTER_USE_KEY,
        );
    }

    public function addIndex(string $name): void
    {
        [$table, $columns] = self::LATE_INDICES[$name];
        $this->database->run("CREATE INDEX $name ON {{$table}} ($columns)");
    }
}
