<?php
declare(strict_types=1);

namespace Standin\UserOidc;

use Standin\Refused;

/** JSON Web Tokens: signature by a JWK set (RS256, RS384, RS512), times with 60 s of leeway for iat and nbf. */
final class Jwt
{
    private const LEEWAY_S = 60;
    private const DIGESTS = ['RS256' => OPENSSL_ALGO_SHA256, 'RS384' => OPENSSL_ALGO_SHA384, 'RS512' => OPENSSL_ALGO_SHA512];

    /**
     * @param array<string, mixed> $keys a JWK set
     * @return array<string, mixed> the claims
     * @throws Refused when it is malformed, signed by nobody known, tampered with or expired
     */
    public static function decode(string $token, array $keys): array
    {
        $parts = explode('.', $token);
        if (count($parts) !== 3) {
            throw new Refused('Wrong number of segments');
        }
        $header = json_decode(self::base64($parts[0]), true) ?? [];
        $claims = json_decode(self::base64($parts[1]), true);
        $digest = self::DIGESTS[$header['alg'] ?? ''] ?? null;
        if ($digest === null || !is_array($claims)) {
            throw new Refused('Unsupported JWT alg: ' . ($header['alg'] ?? 'unknown'));
        }
        $key = openssl_pkey_get_public(self::pem(self::find($keys, $header['kid'] ?? null)));
        if (openssl_verify("$parts[0].$parts[1]", self::base64($parts[2]), $key, $digest) !== 1) {
            throw new Refused('Signature verification failed');
        }
        $now = time();
        if (max((int) ($claims['nbf'] ?? 0), (int) ($claims['iat'] ?? 0)) > $now + self::LEEWAY_S) {
            throw new Refused('Cannot handle token prior to its time');
        }
        if (isset($claims['exp']) && $now - self::LEEWAY_S >= $claims['exp']) {
            throw new Refused('Expired token');
        }
        return $claims;
    }

    /** @return array<string, mixed> the RSA key with that id; the first one when the token names none */
    private static function find(array $keys, ?string $kid): array
    {
        foreach ($keys['keys'] ?? [] as $key) {
            $usable = ($key['kty'] ?? '') === 'RSA' && in_array($key['use'] ?? 'sig', ['sig'], true);
            if ($usable && ($kid === null || ($key['kid'] ?? null) === $kid)) {
                return strlen(self::base64($key['n'])) * 8 >= 2048 ? $key : throw new Refused('RSA key too short');
            }
        }
        throw new Refused("No matching key found in JWKS (kid=$kid)");
    }

    /** A JWK's modulus and exponent as SubjectPublicKeyInfo (RFC 8017, appendix A.1.1). */
    private static function pem(array $key): string
    {
        $numbers = self::der(0x02, self::positive($key['n'])) . self::der(0x02, self::positive($key['e']));
        $algorithm = self::der(0x30, "\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x01\x01\x05\x00");
        $info = self::der(0x30, $algorithm . self::der(0x03, "\x00" . self::der(0x30, $numbers)));
        return "-----BEGIN PUBLIC KEY-----\n" . chunk_split(base64_encode($info), 64, "\n") . "-----END PUBLIC KEY-----\n";
    }

    private static function positive(string $number): string
    {
        $bytes = self::base64($number);
        return ord($bytes[0]) > 0x7F ? "\x00$bytes" : $bytes;
    }

    private static function der(int $tag, string $content): string
    {
        $length = strlen($content);
        if ($length < 0x80) {
            return chr($tag) . chr($length) . $content;
        }
        $bytes = ltrim(pack('N', $length), "\x00");
        return chr($tag) . chr(0x80 | strlen($bytes)) . $bytes . $content;
    }

    private static function base64(string $text): string
    {
        return (string) base64_decode(strtr($text, '-_', '+/'));
    }
}
