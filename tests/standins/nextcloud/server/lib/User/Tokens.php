<?php
declare(strict_types=1);

namespace Standin\User;

use Standin\Config;
use Standin\Db\Connection;

/** App passwords (permanent) and web sessions (temporary); only a hash is stored. */
final class Tokens
{
    public const TEMPORARY = 0;
    public const PERMANENT = 1;

    public function __construct(private Connection $database, private Config $config)
    {
    }

    /** @return int the id of the new row */
    public function add(string $uid, string $token, string $name, int $type): int
    {
        return (int) $this->database->value(
            'INSERT INTO {authtoken} (uid, login_name, name, token, type, last_activity) VALUES (?, ?, ?, ?, ?, ?) RETURNING id',
            [$uid, $uid, $name, $this->hash($token), $type, time()],
        );
    }

    /** A new app password: 72 letters and digits. */
    public function addAppPassword(string $uid, string $name): string
    {
        $letters = 'abcdefgijkmnopqrstwxyzABCDEFGHJKLMNPQRSTWXYZ23456789';
        $token = '';
        for ($i = 0; $i < 72; $i++) {
            $token .= $letters[random_int(0, strlen($letters) - 1)];
        }
        $this->add($uid, $token, $name, self::PERMANENT);
        return $token;
    }

    /** @return array<string, mixed>|null the row, when the token is valid; its last use is noted */
    public function find(string $token, int $type): ?array
    {
        return $this->database->row(
            'UPDATE {authtoken} SET last_activity = ? WHERE token = ? AND type = ? RETURNING *',
            [time(), $this->hash($token), $type],
        );
    }

    /** @return list<array<string, mixed>> */
    public function of(string $uid): array
    {
        return $this->database->rows('SELECT * FROM {authtoken} WHERE uid = ? ORDER BY id', [$uid]);
    }

    public function delete(int $id): void
    {
        $this->database->run('DELETE FROM {authtoken} WHERE id = ?', [$id]);
    }

    public function deleteToken(string $token): void
    {
        $this->database->run('DELETE FROM {authtoken} WHERE token = ?', [$this->hash($token)]);
    }

    private function hash(string $token): string
    {
        return hash('sha512', $token . $this->config->text('secret'));
    }
}
