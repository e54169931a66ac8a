<?php
declare(strict_types=1);

namespace Standin;

use Standin\Db\Connection;
use Standin\Security\Crypto;

/** Settings of apps: typed values in the table appconfig. A key keeps the type it was first set with. */
final class AppConfig
{
    public const SENSITIVE = 1;
    public const TYPES = ['mixed' => 2, 'string' => 4, 'integer' => 8, 'float' => 16, 'boolean' => 32, 'array' => 64];

    /** @var array<string, array<string, array{value: string, type: int, lazy: bool}>>|null */
    private ?array $rows = null;

    public function __construct(private Connection $database, private Crypto $crypto)
    {
    }

    /** @return list<string> */
    public function apps(): array
    {
        $apps = array_map(strval(...), array_keys($this->rows()));
        sort($apps);
        return $apps;
    }

    /** @return list<string> */
    public function keys(string $app): array
    {
        return array_map(strval(...), array_keys($this->rows()[$app] ?? []));
    }

    public function get(string $app, string $key, string $default = ''): string
    {
        $row = $this->rows()[$app][$key] ?? null;
        if ($row === null) {
            return $default;
        }
        return $row['type'] & self::SENSITIVE ? $this->crypto->decrypt($row['value']) : $row['value'];
    }

    public function has(string $app, string $key): bool
    {
        return isset($this->rows()[$app][$key]);
    }

    /** The name of the type, or null when the key is not set. */
    public function type(string $app, string $key): ?string
    {
        $row = $this->rows()[$app][$key] ?? null;
        return $row === null ? null : (string) array_search($row['type'] & ~self::SENSITIVE, self::TYPES, true);
    }

    public function sensitive(string $app, string $key): bool
    {
        return (bool) (($this->rows()[$app][$key]['type'] ?? 0) & self::SENSITIVE);
    }

    public function lazy(string $app, string $key): bool
    {
        return $this->rows()[$app][$key]['lazy'] ?? false;
    }

    /** As stored: encrypted when sensitive. */
    public function stored(string $app, string $key): string
    {
        return $this->rows()[$app][$key]['value'] ?? '';
    }

    /**
     * @return bool whether anything changed
     * @throws Refused when the key is of another type than "mixed" already
     */
    public function set(
        string $app,
        string $key,
        string $value,
        string $type = 'string',
        ?bool $lazy = null,
        ?bool $sensitive = null,
    ): bool {
        $before = $this->rows()[$app][$key] ?? null;
        $old = $this->type($app, $key);
        if ($old !== null && $old !== 'mixed' && $old !== $type) {
            throw new Refused("conflict between new type ($type) and old type ($old)");
        }
        $lazy ??= $before['lazy'] ?? false;
        $sensitive ??= $this->sensitive($app, $key);
        if ($before !== null && $this->get($app, $key) === $value && $lazy === $before['lazy']
            && $sensitive === $this->sensitive($app, $key) && ($old === $type || $type === 'mixed')) {
            return false;
        }
        $this->store($app, $key, $value, self::TYPES[$type] | ($sensitive ? self::SENSITIVE : 0), $lazy);
        return true;
    }

    public function delete(string $app, string $key): void
    {
        $this->database->run('DELETE FROM {appconfig} WHERE appid = ? AND configkey = ?', [$app, $key]);
        unset($this->rows[$app][$key]);
    }

    public function deleteApp(string $app): void
    {
        $this->database->run('DELETE FROM {appconfig} WHERE appid = ?', [$app]);
        unset($this->rows[$app]);
    }

    private function store(string $app, string $key, string $value, int $type, bool $lazy): void
    {
        $stored = $type & self::SENSITIVE ? $this->crypto->encrypt($value) : $value;
        $this->database->run(
            'INSERT INTO {appconfig} (appid, configkey, configvalue, type, lazy) VALUES (?, ?, ?, ?, ?)
             ON CONFLICT (appid, configkey) DO UPDATE SET configvalue = excluded.configvalue, type = excluded.type,
             lazy = excluded.lazy',
            [$app, $key, $stored, $type, (int) $lazy],
        );
        $this->rows();
        $this->rows[$app][$key] = ['value' => $stored, 'type' => $type, 'lazy' => $lazy];
    }

    /** @return array<string, array<string, array{value: string, type: int, lazy: bool}>> */
    private function rows(): array
    {
        if ($this->rows === null) {
            $this->rows = [];
            foreach ($this->database->rows('SELECT * FROM {appconfig} ORDER BY appid, configkey') as $row) {
                $this->rows[$row['appid']][$row['configkey']] = [
                    'value' => (string) $row['configvalue'],
                    'type' => (int) $row['type'],
                    'lazy' => (bool) $row['lazy'],
                ];
            }
        }
        return $this->rows;
    }
}
