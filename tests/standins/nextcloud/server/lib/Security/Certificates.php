<?php
declare(strict_types=1);

namespace Standin\Security;

use Standin\Refused;

/**
 * Nextcloud's own trust: its bundle and the certificates that occ imported. The container's system store has no say.
 */
final class Certificates
{
    public function __construct(private string $folder, private string $shipped)
    {
    }

    /** The file that HTTP clients verify against. */
    public function bundle(): string
    {
        $merged = $this->folder . '/rootcerts.crt';
        return is_file($merged) ? $merged : $this->shipped;
    }

    /** @throws Refused when the text is no certificate */
    public function add(string $text, string $name): void
    {
        self::parse($text);
        if (preg_match('#[/\\\\]|^\.#', $name) === 1) {
            throw new Refused('Filename is invalid');
        }
        if (!is_dir($this->folder . '/uploads')) {
            mkdir($this->folder . '/uploads', 0755, true);
        }
        file_put_contents($this->folder . "/uploads/$name", $text);
        $this->merge();
    }

    public function remove(string $name): void
    {
        $file = $this->folder . '/uploads/' . basename($name);
        if (is_file($file)) {
            unlink($file);
            $this->merge();
        }
    }

    /** @return list<array<string, ?string>> as occ security:certificates --output=json prints them */
    public function all(): array
    {
        $all = [];
        foreach (glob($this->folder . '/uploads/*') ?: [] as $file) {
            $parsed = self::parse((string) file_get_contents($file));
            $all[] = [
                'name' => basename($file),
                'common_name' => $parsed['subject']['CN'] ?? null,
                'organization' => $parsed['subject']['O'] ?? null,
                'expire' => date('c', $parsed['validTo_time_t']),
                'issuer' => $parsed['issuer']['CN'] ?? null,
                'issuer_organization' => $parsed['issuer']['O'] ?? null,
                'issue_date' => date('c', $parsed['validFrom_time_t']),
            ];
        }
        return $all;
    }

    private function merge(): void
    {
        $text = '';
        foreach ([...(glob($this->folder . '/uploads/*') ?: []), $this->shipped] as $file) {
            $text .= file_get_contents($file) . "\n";
        }
        $partial = $this->folder . '/rootcerts.crt.' . getmypid();
        file_put_contents($partial, $text);
        rename($partial, $this->folder . '/rootcerts.crt');
    }

    /** @return array<string, mixed> */
    private static function parse(string $text): array
    {
        $parsed = @openssl_x509_parse($text);
        if ($parsed === false) {
            throw new Refused('Certificate could not get parsed.');
        }
        return $parsed;
    }
}
