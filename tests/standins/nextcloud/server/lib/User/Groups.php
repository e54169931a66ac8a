<?php
declare(strict_types=1);

namespace Standin\User;

use Standin\Db\Connection;

/** Groups and who is in them. */
final class Groups
{
    public function __construct(private Connection $database)
    {
    }

    /** @return array<string, string> gid to display name, sorted */
    public function all(): array
    {
        $rows = $this->database->rows('SELECT gid, displayname FROM {groups} ORDER BY gid');
        return array_combine(array_column($rows, 'gid'), array_column($rows, 'displayname'));
    }

    public function exists(string $gid): bool
    {
        return $this->database->value('SELECT 1 FROM {groups} WHERE gid = ?', [$gid]) !== null;
    }

    public function create(string $gid, ?string $displayName = null): void
    {
        $this->database->run(
            'INSERT INTO {groups} (gid, displayname) VALUES (?, ?) ON CONFLICT (gid) DO NOTHING',
            [$gid, $displayName ?? $gid],
        );
    }

    public function delete(string $gid): void
    {
        $this->database->run('DELETE FROM {group_user} WHERE gid = ?', [$gid]);
        $this->database->run('DELETE FROM {groups} WHERE gid = ?', [$gid]);
    }

    /** @return list<string> */
    public function members(string $gid): array
    {
        return array_column($this->database->rows('SELECT uid FROM {group_user} WHERE gid = ? ORDER BY uid', [$gid]), 'uid');
    }

    /** @return list<string> */
    public function of(string $uid): array
    {
        return array_column($this->database->rows('SELECT gid FROM {group_user} WHERE uid = ? ORDER BY gid', [$uid]), 'gid');
    }

    public function add(string $gid, string $uid): void
    {
        $this->database->run('INSERT INTO {group_user} (gid, uid) VALUES (?, ?) ON CONFLICT DO NOTHING', [$gid, $uid]);
    }

    public function remove(string $gid, string $uid): void
    {
        $this->database->run('DELETE FROM {group_user} WHERE gid = ? AND uid = ?', [$gid, $uid]);
    }
}
