<?php
declare(strict_types=1);

namespace Standin\User;

use Standin\Db\Connection;
use Standin\Refused;
use Standin\Server;

/** Accounts: local ones (table users) and those that an app's backend keeps (user_oidc). */
final class Users
{
    public function __construct(private Connection $database)
    {
    }

    /** @return array<string, string> uid to display name, sorted */
    public function all(): array
    {
        $all = $this->oidc();
        foreach ($this->database->rows('SELECT uid, displayname FROM {users}') as $row) {
            $all[$row['uid']] = $row['displayname'] ?: $row['uid'];
        }
        ksort($all);
        return $all;
    }

    /** "Database", "user_oidc" or null when there is no such account. */
    public function backend(string $uid): ?string
    {
        if ($this->database->value('SELECT 1 FROM {users} WHERE uid_lower = ?', [mb_strtolower($uid)]) !== null) {
            return 'Database';
        }
        return isset($this->oidc()[$uid]) ? 'user_oidc' : null;
    }

    public function exists(string $uid): bool
    {
        return $this->backend($uid) !== null;
    }

    public function displayName(string $uid): string
    {
        return $this->all()[$uid] ?? $uid;
    }

    /**
     * @throws Refused with upstream's sentence: a bad name, a taken one, a weak password
     */
    public function create(string $uid, string $password): void
    {
        $this->checkName($uid);
        $this->checkPassword($password);
        if ($this->exists($uid)) {
            throw new Refused('The Login is already being used');
        }
        $this->database->run(
            'INSERT INTO {users} (uid, uid_lower, password) VALUES (?, ?, ?)',
            [$uid, mb_strtolower($uid), '3|' . password_hash($password, PASSWORD_ARGON2ID)],
        );
    }

    /** @throws Refused for a name that upstream does not take, or whose folder is there already */
    private function checkName(string $uid): void
    {
        $problem = match (true) {
            preg_match("/[^a-zA-Z0-9 _.@\\-']/", $uid) === 1
                => 'Only the following characters are allowed in an Login: "a-z", "A-Z", "0-9", spaces and "_.@-\'"',
            trim($uid) === '' => 'A valid Login must be provided',
            trim($uid) !== $uid => 'Login contains whitespace at the beginning or at the end',
            $uid === '.' || $uid === '..' => 'Login must not consist of dots only',
            strlen($uid) > 64 => 'Username is too long',
            file_exists(Server::dataDirectory() . "/$uid") => 'Login is invalid because files already exist for this user',
            default => null,
        };
        if ($problem !== null) {
            throw new Refused($problem);
        }
    }

    /** Upstream's app password_policy with its defaults, as far as it needs no word list of a million. */
    public function checkPassword(string $password): void
    {
        if ($password === '') {
            throw new Refused('A valid password must be provided');
        }
        $apps = Server::config()->installed() ? Server::apps() : null;
        if ($apps?->enabled('password_policy') && mb_strlen($password) < 10) {
            throw new Refused('Password needs to be at least 10 characters long.');
        }
    }

    public function setPassword(string $uid, string $password): void
    {
        $this->checkPassword($password);
        $this->database->run('UPDATE {users} SET password = ? WHERE uid = ?', [
            '3|' . password_hash($password, PASSWORD_ARGON2ID),
            $uid,
        ]);
    }

    /** The uid in its stored spelling, or null when name or password are wrong or the account is disabled. */
    public function authenticate(string $login, string $password): ?string
    {
        $row = $this->database->row('SELECT uid, password FROM {users} WHERE uid_lower = ?', [mb_strtolower($login)]);
        if ($row === null || !password_verify($password, explode('|', $row['password'], 2)[1] ?? '')) {
            return null;
        }
        return $this->enabled($row['uid']) ? $row['uid'] : null;
    }

    public function setDisplayName(string $uid, string $name): void
    {
        $this->database->run('UPDATE {users} SET displayname = ? WHERE uid = ?', [$name, $uid]);
    }

    public function enabled(string $uid): bool
    {
        return Server::preferences()->get($uid, 'core', 'enabled', 'true') === 'true';
    }

    public function delete(string $uid): void
    {
        foreach (['{users} WHERE uid', '{group_user} WHERE uid', '{authtoken} WHERE uid', '{preferences} WHERE userid',
            '{filecache} WHERE owner'] as $where) {
            $this->database->run("DELETE FROM $where = ?", [$uid]);
        }
        if ($this->hasOidc()) {
            $this->database->run('DELETE FROM {user_oidc} WHERE user_id = ?', [$uid]);
        }
    }

    /** @return array<string, string> */
    private function oidc(): array
    {
        if (!$this->hasOidc()) {
            return [];
        }
        $rows = $this->database->rows('SELECT user_id, display_name FROM {user_oidc}');
        return array_combine(
            array_column($rows, 'user_id'),
            array_map(static fn (array $row): string => $row['display_name'] ?: $row['user_id'], $rows),
        );
    }

    private function hasOidc(): bool
    {
        $table = $this->database->prefix . 'user_oidc';
        return $this->database->value('SELECT to_regclass(?)', [$table]) !== null
            && Server::config()->installed() && Server::apps()->enabled('user_oidc');
    }
}
