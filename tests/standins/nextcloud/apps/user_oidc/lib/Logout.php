<?php
declare(strict_types=1);

namespace Standin\UserOidc;

use Standin\Http\Request;
use Standin\Refused;
use Standin\Server;
use Standin\Web\Router;
use Standin\Web\Session;

/** Leaving: by the browser through the provider, or told by the provider behind the browser's back. */
final class Logout
{
    private const EVENT = 'http://schemas.openid.net/event/backchannel-logout';

    public function __construct(private Providers $providers, private Discovery $discovery)
    {
    }

    /** Ends the session here and sends the browser to the provider's end_session_endpoint, with the ID token as hint. */
    public function front(Request $request): void
    {
        $target = $request->base() . '/';
        $id = Session::get('oidc.providerid');
        if ($id === null && $this->providers->single() && count($this->providers->all()) === 1) {
            $id = $this->providers->all()[0]->id;
        }
        $provider = $id === null ? null : $this->providers->byId((int) $id);
        if ($provider !== null && (Server::config()->list('user_oidc')['single_logout'] ?? true)) {
            $target = $this->endSession($provider, $target) ?? $target;
        }
        Session::logout();
        header("Location: $target", true, 303);
    }

    private function endSession(Provider $provider, string $home): ?string
    {
        $endpoint = $provider->endSession ?: ($this->discovery->of($provider)['end_session_endpoint'] ?? null);
        if ($endpoint === null) {
            return null;
        }
        $target = $endpoint . '?post_logout_redirect_uri=' . ($provider->postLogout ?: $home) . "&client_id=$provider->clientId";
        $token = Session::get('oidc.id_token');
        $hint = $this->providers->on($provider, 'sendIdTokenHint') && $token !== null;
        return $hint ? "$target&id_token_hint=$token" : $target;
    }

    public function back(string $identifier): void
    {
        try {
            $ended = $this->end(rawurldecode($identifier), (string) ($_POST['logout_token'] ?? ''));
        } catch (Refused $failure) {
            Router::json(['error' => 'invalid', 'error_description' => $failure->getMessage()], 400);
            return;
        }
        // 8.10.1 answers 400 when the session is gone already; harmless, but it stands in the provider's log.
        if ($ended === 0) {
            Router::json(['error' => 'invalid SID, SUB or ISS', 'error_description' => 'No session was found for this (sid,sub,iss)'], 400);
            return;
        }
        Router::json([]);
    }

    /** @return int how many sessions were ended */
    private function end(string $identifier, string $token): int
    {
        $provider = $this->providers->byIdentifier($identifier) ?? throw new Refused('The provider was not found in Nextcloud');
        $claims = $this->discovery->verify($provider, $token);
        match (true) {
            !in_array($provider->clientId, (array) ($claims['aud'] ?? []), true)
                => throw new Refused('The audience of the logout token does not match the provider'),
            !isset($claims['events'][self::EVENT]) => throw new Refused('The backchannel-logout event was not found in the logout token'),
            isset($claims['nonce']) => throw new Refused('The logout token should not contain a nonce attribute'),
            !isset($claims['iss']) => throw new Refused('The logout token should contain an iss attribute'),
            !isset($claims['sid']) && !isset($claims['sub']) => throw new Refused('The logout token should contain sid or sub or both'),
            default => null,
        };
        $rows = Server::database()->rows(
            'DELETE FROM {user_oidc_sessions} WHERE iss = ? AND (sid = ? OR ?) AND (sub = ? OR ?) RETURNING authtoken_id',
            [$claims['iss'], $claims['sid'] ?? '', !isset($claims['sid']), $claims['sub'] ?? '', !isset($claims['sub'])],
        );
        foreach ($rows as $row) {
            Server::tokens()->delete((int) $row['authtoken_id']);
        }
        return count($rows);
    }
}
