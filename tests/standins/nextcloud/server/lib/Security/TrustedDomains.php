<?php
declare(strict_types=1);

namespace Standin\Security;

use Standin\Config;

/** Whether a Host header may be served. localhost always may; with overwritehost set, every name may. */
final class TrustedDomains
{
    public function __construct(private Config $config)
    {
    }

    public function trusts(string $hostWithPort): bool
    {
        if ($this->config->text('overwritehost') !== '') {
            return true;
        }
        $host = (string) preg_replace('/:\d+$/', '', $hostWithPort);
        if (preg_match('/^(127\.0\.0\.1|localhost|\[::1\])$/', $host) === 1) {
            return true;
        }
        if (str_starts_with($host, '-') || str_contains($host, '..')) {
            return false;
        }
        foreach ($this->config->list('trusted_domains') as $trusted) {
            $parts = array_map(static fn (string $part): string => preg_quote($part, '/'), explode('*', (string) $trusted));
            $pattern = '/^' . implode('[-\.a-zA-Z0-9]*', $parts) . '$/i';
            if (preg_match($pattern, $host) === 1 || preg_match($pattern, $hostWithPort) === 1) {
                return true;
            }
        }
        return false;
    }
}
