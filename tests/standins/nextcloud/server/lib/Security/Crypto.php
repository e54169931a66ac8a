<?php
declare(strict_types=1);

namespace Standin\Security;

use Standin\Refused;

/** Encrypts what is stored (client secrets, sensitive settings) with a key from the system setting "secret". */
final class Crypto
{
    public function __construct(private string $secret)
    {
    }

    public function encrypt(string $plain): string
    {
        $nonce = random_bytes(SODIUM_CRYPTO_SECRETBOX_NONCEBYTES);
        return bin2hex($nonce) . '|' . bin2hex(sodium_crypto_secretbox($plain, $nonce, $this->key()));
    }

    /** @throws Refused when it was encrypted with another secret, as after a restore that lost config.php */
    public function decrypt(string $stored): string
    {
        [$nonce, $sealed] = explode('|', $stored, 2) + ['', ''];
        $plain = ctype_xdigit($nonce) && ctype_xdigit($sealed)
            ? sodium_crypto_secretbox_open((string) hex2bin($sealed), (string) hex2bin($nonce), $this->key())
            : false;
        if ($plain === false) {
            throw new Refused('HMAC does not match.');
        }
        return $plain;
    }

    private function key(): string
    {
        return hash('sha256', $this->secret, true);
    }
}
