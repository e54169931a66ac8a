<?php
declare(strict_types=1);

namespace Standin\UserOidc;

use Standin\Cache\Redis;
use Standin\Http\Client;
use Standin\Refused;

/** What the identity provider publishes: its endpoints (kept 1 h in the cache) and its keys (kept 1 h in the settings). */
final class Discovery
{
    private const KEEP_S = 3600;

    public function __construct(private Client $http, private Redis $cache, private Providers $providers)
    {
    }

    /**
     * @return array<string, mixed>
     * @throws Refused when it cannot be reached or trusted
     */
    public function of(Provider $provider): array
    {
        $key = 'user_oidc/discovery-' . hash('sha256', $provider->discovery);
        $text = $this->cache->get($key);
        if ($text === null) {
            $text = $this->http->get($provider->discovery);
            $this->cache->set($key, $text, self::KEEP_S);
        }
        return json_decode($text, true) ?? throw new Refused('The discovery document is no JSON');
    }

    /** @return array<string, mixed> the JWK set */
    public function keys(Provider $provider, bool $fresh = false): array
    {
        $age = time() - (int) $this->providers->get($provider, 'jwksCacheTimestamp', '0');
        $text = $this->providers->get($provider, 'jwksCache');
        if ($fresh || $text === '' || $age >= self::KEEP_S) {
            $text = $this->http->get((string) $this->of($provider)['jwks_uri']);
            $this->providers->set($provider, 'jwksCache', $text);
            $this->providers->set($provider, 'jwksCacheTimestamp', (string) time());
        }
        return json_decode($text, true) ?? [];
    }

    /** Claims of a verified token; a key that is not known yet is fetched once. */
    public function verify(Provider $provider, string $token): array
    {
        try {
            return Jwt::decode($token, $this->keys($provider));
        } catch (Refused) {
            return Jwt::decode($token, $this->keys($provider, true));
        }
    }

    /** @param array<string, string> $form */
    public function tokens(Provider $provider, array $form): array
    {
        $about = $this->of($provider);
        $secret = $this->providers->secret($provider);
        $headers = [];
        if (in_array('client_secret_post', $about['token_endpoint_auth_methods_supported'] ?? [], true)) {
            $form += ['client_id' => $provider->clientId, 'client_secret' => $secret];
        } else {
            $headers[] = 'Authorization: Basic ' . base64_encode("$provider->clientId:$secret");
        }
        [$status, $body] = $this->http->post((string) $about['token_endpoint'], $form, $headers);
        $answer = json_decode($body, true) ?? [];
        if ($status !== 200 || !isset($answer['id_token'])) {
            $reason = isset($answer['error_description']) ? ": {$answer['error_description']}" : '';
            throw new Refused("Failed to contact the OIDC provider token endpoint$reason");
        }
        return $answer;
    }
}
