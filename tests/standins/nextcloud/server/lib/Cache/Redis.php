<?php
declare(strict_types=1);

namespace Standin\Cache;

use Redis as Client;
use Standin\Config;

/**
 * The distributed cache and the locks, in Valkey, when memcache.distributed or memcache.locking name it.
 *
 * While it is down, a request hangs: the client keeps trying for a minute, as seen with the real thing.
 */
final class Redis
{
    private const HANG_S = 60;
    private ?Client $client = null;

    public function __construct(private Config $config)
    {
    }

    public function distributed(): bool
    {
        return str_contains($this->config->text('memcache.distributed'), 'Redis');
    }

    public function locking(): bool
    {
        return str_contains($this->config->text('memcache.locking'), 'Redis');
    }

    public function get(string $key): ?string
    {
        $value = $this->distributed() ? $this->client()->get($this->key($key)) : false;
        return $value === false ? null : (string) $value;
    }

    public function set(string $key, string $value, int $seconds): void
    {
        if ($this->distributed()) {
            $this->client()->setex($this->key($key), $seconds, $value);
        }
    }

    /** @return bool false when somebody else holds it */
    public function lock(string $key): bool
    {
        if (!$this->locking()) {
            return true;
        }
        $ttl = (int) $this->config->get('filelocking.ttl', 3600);
        return $this->client()->set($this->key("lock/$key"), '1', ['nx', 'ex' => $ttl]) === true;
    }

    public function unlock(string $key): void
    {
        if ($this->locking()) {
            $this->client()->unlink($this->key("lock/$key"));
        }
    }

    /** Deletes every key of this instance: SCAN and UNLINK, which the ACL has to allow. */
    public function clear(): void
    {
        if (!$this->distributed()) {
            return;
        }
        $cursor = null;
        do {
            $keys = $this->client()->scan($cursor, $this->key('*'));
            if ($keys) {
                $this->client()->unlink($keys);
            }
        } while ($cursor > 0);
    }

    private function key(string $key): string
    {
        return hash('xxh32', $this->config->text('instanceid')) . "/$key";
    }

    private function client(): Client
    {
        if ($this->client === null) {
            $deadline = microtime(true) + self::HANG_S;
            while (true) {
                try {
                    $this->client = $this->connect();
                    break;
                } catch (\RedisException $failure) {
                    if (PHP_SAPI === 'cli' || microtime(true) > $deadline) {
                        throw $failure;
                    }
                    usleep(500_000);
                }
            }
        }
        return $this->client;
    }

    private function connect(): Client
    {
        $settings = $this->config->list('redis');
        $client = new Client();
        $context = isset($settings['ssl_context']) ? ['stream' => $settings['ssl_context']] : null;
        $client->connect(
            (string) ($settings['host'] ?? '127.0.0.1'),
            (int) ($settings['port'] ?? 6379),
            (float) ($settings['timeout'] ?? 0.0),
            null,
            0,
            (float) ($settings['read_timeout'] ?? 0.0),
            $context,
        );
        $password = (string) ($settings['password'] ?? '');
        if ($password !== '') {
            $client->auth(($settings['user'] ?? '') !== '' ? [(string) $settings['user'], $password] : $password);
        }
        $client->select((int) ($settings['dbindex'] ?? 0));
        return $client;
    }
}
