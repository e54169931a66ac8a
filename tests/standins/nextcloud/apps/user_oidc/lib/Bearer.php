<?php
declare(strict_types=1);

namespace Standin\UserOidc;

use Standin\Refused;
use Standin\Server;
use Standin\Web\Session;

/** Bearer tokens on WebDAV and OCS. */
final class Bearer
{
    public function __construct(
        private Providers $providers,
        private Discovery $discovery,
        private Provisioning $provisioning,
    ) {
    }

    /** The uid that a token stands for with some provider, or null. */
    public function user(string $token): ?string
    {
        foreach ($this->providers->all() as $provider) {
            if (!$this->providers->on($provider, 'checkBearer')) {
                continue;
            }
            try {
                $uid = $this->check($provider, $token);
            } catch (Refused $failure) {
                Server::log()->write(0, 'user_oidc', 'Failed to validate the bearer token: ' . $failure->getMessage());
                continue;
            }
            // Up to 8.10.1 the session is left with a user but without a token: a client that keeps cookies gets 401 next.
            Session::set('user_id', $uid);
            return $uid;
        }
        return null;
    }

    /** A token WITHOUT any "aud" passes, whoever it was made for: upstream's hole, kept because a probe looks for it. */
    private function check(Provider $provider, string $token): string
    {
        $rules = Server::config()->list('user_oidc');
        if (!($rules['selfencoded_bearer_validation'] ?? true)) {
            throw new Refused('selfencoded_bearer_validation is off');
        }
        $claims = Jwt::decode($token, $this->discovery->keys($provider));
        if (($claims['exp'] ?? 0) < time()) {
            throw new Refused('OIDC token has expired');
        }
        if (($claims['iss'] ?? null) !== $this->discovery->of($provider)['issuer']) {
            throw new Refused('This token is issued by the wrong issuer');
        }
        $check = !in_array($rules['selfencoded_bearer_validation_audience_check'] ?? true, [false, 'false', 0, '0'], true);
        if ($check && isset($claims['aud']) && !in_array($provider->clientId, (array) $claims['aud'], true)) {
            throw new Refused('This token is not for us, the audience does not match the client ID');
        }
        $user = $this->provisioning->tokenUser($provider, $claims) ?? throw new Refused('The token names no user');
        $this->provisioning->checkGroups($provider, $claims);
        return $this->provisioning->provision($provider, $claims, $user, $this->providers->on($provider, 'bearerProvisioning'));
    }
}
