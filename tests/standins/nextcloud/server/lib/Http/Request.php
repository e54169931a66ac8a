<?php
declare(strict_types=1);

namespace Standin\Http;

use Standin\Config;
use Standin\Security\TrustedDomains;
use Standin\Server;

/** The incoming request, seen through trusted_proxies and the overwrite* settings. */
final class Request
{
    private static ?self $current = null;

    /** @param array<string, mixed> $server as $_SERVER */
    public function __construct(private array $server, private Config $config)
    {
    }

    public static function current(): self
    {
        return self::$current ??= new self($_SERVER, Server::config());
    }

    public function method(): string
    {
        return (string) ($this->server['REQUEST_METHOD'] ?? 'GET');
    }

    /** The path below index.php (or below the root, with the front controller active), without the query. */
    public function path(): string
    {
        $uri = rawurldecode((string) strtok((string) ($this->server['REQUEST_URI'] ?? '/'), '?'));
        $path = (string) preg_replace('#^/(index|remote|public|ocs/v[12])\.php#', '', $uri);
        return $path === '' ? '/' : $path;
    }

    public function header(string $name): string
    {
        $key = strtoupper(str_replace('-', '_', $name));
        return (string) ($this->server["HTTP_$key"] ?? $this->server[$key] ?? '');
    }

    /** "https" or "http": overwriteprotocol wins, then a trusted proxy's header, then the web server's own HTTPS. */
    public function protocol(): string
    {
        $protocol = ($this->server['HTTPS'] ?? '') !== '' && $this->server['HTTPS'] !== 'off' ? 'https' : 'http';
        if ($this->config->text('overwriteprotocol') !== '' && $this->overwrites()) {
            $protocol = strtolower($this->config->text('overwriteprotocol'));
        } elseif ($this->fromTrustedProxy() && $this->header('X-Forwarded-Proto') !== '') {
            $protocol = strtolower(trim(explode(',', $this->header('X-Forwarded-Proto'))[0]));
        }
        return $protocol === 'https' ? 'https' : 'http';
    }

    /** The host as the client (or a trusted proxy) says it, unchecked. */
    public function insecureHost(): string
    {
        if ($this->fromTrustedProxy() && $this->config->text('overwritehost') !== '' && $this->overwrites()) {
            return $this->config->text('overwritehost');
        }
        if ($this->fromTrustedProxy() && $this->header('X-Forwarded-Host') !== '') {
            return trim(explode(',', $this->header('X-Forwarded-Host'))[0]);
        }
        return (string) ($this->server['HTTP_HOST'] ?? $this->server['SERVER_NAME'] ?? 'localhost');
    }

    public function host(): string
    {
        if ($this->config->text('overwritehost') !== '' && $this->overwrites()) {
            return $this->config->text('overwritehost');
        }
        $host = $this->insecureHost();
        $trusted = $this->config->list('trusted_domains');
        return (new TrustedDomains($this->config))->trusts($host) ? $host : (string) reset($trusted);
    }

    /** https://host, without a path. */
    public function base(): string
    {
        return $this->protocol() . '://' . $this->host();
    }

    public function remoteAddress(): string
    {
        $direct = (string) ($this->server['REMOTE_ADDR'] ?? '');
        if (!$this->fromTrustedProxy()) {
            return $direct;
        }
        $headers = $this->config->list('forwarded_for_headers') ?: ['HTTP_X_FORWARDED_FOR'];
        foreach (array_reverse($headers) as $header) {
            foreach (array_reverse(explode(',', (string) ($this->server[$header] ?? ''))) as $address) {
                $address = trim($address);
                if (filter_var($address, FILTER_VALIDATE_IP) !== false && !$this->isProxy($address)) {
                    return $address;
                }
            }
        }
        return $direct;
    }

    public function fromTrustedProxy(): bool
    {
        return $this->isProxy((string) ($this->server['REMOTE_ADDR'] ?? ''));
    }

    private function overwrites(): bool
    {
        $pattern = $this->config->text('overwritecondaddr');
        return $pattern === '' || preg_match("/$pattern/", (string) ($this->server['REMOTE_ADDR'] ?? '')) === 1;
    }

    private function isProxy(string $address): bool
    {
        foreach ($this->config->list('trusted_proxies') as $network) {
            if (self::within($address, (string) $network)) {
                return true;
            }
        }
        return false;
    }

    private static function within(string $address, string $network): bool
    {
        [$base, $bits] = array_pad(explode('/', $network, 2), 2, null);
        [$packed, $packedBase] = [@inet_pton($address), @inet_pton($base)];
        if ($packed === false || $packedBase === false || strlen($packed) !== strlen($packedBase)) {
            return false;
        }
        $bits = $bits === null ? strlen($packed) * 8 : (int) $bits;
        $bytes = intdiv($bits, 8);
        $mask = $bits % 8 === 0 ? '' : chr(0xFF << (8 - $bits % 8) & 0xFF);
        return substr($packed, 0, $bytes) === substr($packedBase, 0, $bytes)
            && ($mask === '' || ($packed[$bytes] & $mask) === ($packedBase[$bytes] & $mask));
    }
}
