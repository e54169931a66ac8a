<?php
declare(strict_types=1);

namespace Standin\User;

use Standin\Db\Connection;

/** Settings of a person: e-mail, language, whether the account is enabled. */
final class Preferences
{
    public function __construct(private Connection $database)
    {
    }

    public function get(string $uid, string $app, string $key, string $default = ''): string
    {
        return (string) ($this->database->value(
            'SELECT configvalue FROM {preferences} WHERE userid = ? AND appid = ? AND configkey = ?',
            [$uid, $app, $key],
        ) ?? $default);
    }

    public function set(string $uid, string $app, string $key, string $value): void
    {
        $this->database->run(
            'INSERT INTO {preferences} (userid, appid, configkey, configvalue) VALUES (?, ?, ?, ?)
             ON CONFLICT (userid, appid, configkey) DO UPDATE SET configvalue = excluded.configvalue',
            [$uid, $app, $key, $value],
        );
    }

    public function delete(string $uid, string $app, string $key): void
    {
        $this->database->run(
            'DELETE FROM {preferences} WHERE userid = ? AND appid = ? AND configkey = ?',
            [$uid, $app, $key],
        );
    }

    /** @return array<string, array<string, string>> app to key to value */
    public function all(string $uid): array
    {
        $all = [];
        foreach ($this->database->rows('SELECT * FROM {preferences} WHERE userid = ? ORDER BY appid, configkey', [$uid]) as $row) {
            $all[$row['appid']][$row['configkey']] = (string) $row['configvalue'];
        }
        return $all;
    }
}
