<?php
declare(strict_types=1);

namespace Standin\UserOidc;

use Standin\Http\Request;
use Standin\Refused;
use Standin\Server;
use Standin\Web\Pages;
use Standin\Web\Router;
use Standin\Web\Session;

/** The authorization code flow with PKCE. Its state lives 300 s in the session, one entry per flow. */
final class Login
{
    private const FLOW_S = 300;
    private const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';

    public function __construct(
        private Providers $providers,
        private Discovery $discovery,
        private Provisioning $provisioning,
    ) {
    }

    /** Where /login leads: to the only provider, unless several ways in are allowed or ?direct=1 is given. */
    public function redirect(Request $request): ?string
    {
        $page = $request->method() === 'GET' && $request->header('OCS-APIRequest') === ''
            && $request->header('X-Requested-With') !== 'XMLHttpRequest';
        $all = $this->providers->all();
        if (!$page || ($_GET['direct'] ?? '') === '1' || !$this->providers->single() || count($all) !== 1) {
            return null;
        }
        return $this->url($request, $all[0]);
    }

    /** @return list<array{name: string, href: string}> */
    public function alternatives(Request $request): array
    {
        return array_map(
            fn (Provider $one): array => ['name' => $one->identifier, 'href' => $this->url($request, $one)],
            $this->providers->all(),
        );
    }

    private function url(Request $request, Provider $provider): string
    {
        $after = (string) ($_GET['redirect_url'] ?? '');
        $query = $after === '' ? '' : '?redirectUrl=' . rawurlencode($request->base() . $after);
        return Router::url($request, "/apps/user_oidc/login/$provider->id$query");
    }

    /** Somebody who came through a provider leaves through it. */
    public function logoutUrl(Request $request): ?string
    {
        return Session::get('oidc.providerid') === null ? null : Router::url($request, '/apps/user_oidc/sls');
    }

    public function begin(Request $request, int $id): void
    {
        if (Session::user() !== null) {
            $this->go($request, (string) ($_GET['redirectUrl'] ?? ''));
            return;
        }
        if (!$this->secure($request)) {
            return;
        }
        $provider = $this->providers->byId($id);
        if ($provider === null) {
            $this->error('There is no such OpenID Connect provider.', 404);
            return;
        }
        try {
            $about = $this->discovery->of($provider);
        } catch (Refused $failure) {
            Server::log()->write(3, 'user_oidc', "Could not reach the provider at URL $provider->discovery: " . $failure->getMessage());
            $this->error('Could not reach the OpenID Connect provider.', 404);
            return;
        }
        header('Location: ' . $about['authorization_endpoint'] . '?' . http_build_query($this->query($request, $provider, $about)), true, 303);
    }

    /** @return array<string, string> */
    private function query(Request $request, Provider $provider, array $about): array
    {
        $state = self::random(32);
        $flow = ['time' => time(), 'nonce' => self::random(32), 'provider' => $provider->id, 'after' => (string) ($_GET['redirectUrl'] ?? '')];
        $query = [
            'client_id' => $provider->clientId,
            'response_type' => 'code',
            'scope' => trim($provider->scope),
            'redirect_uri' => Router::url($request, '/apps/user_oidc/code'),
            'state' => $state,
            'nonce' => $flow['nonce'],
        ];
        $rules = Server::config()->list('user_oidc');
        if (is_string($rules['prompt'] ?? null)) {
            $query['prompt'] = $rules['prompt'];
        }
        if (($rules['use_pkce'] ?? true) && in_array('S256', $about['code_challenge_methods_supported'] ?? [], true)) {
            $flow['verifier'] = self::random(128);
            $query['code_challenge'] = rtrim(strtr(base64_encode(hash('sha256', $flow['verifier'], true)), '+/', '-_'), '=');
            $query['code_challenge_method'] = 'S256';
        }
        Session::set("oidc.$state", $flow);
        return $query;
    }

    public function finish(Request $request): void
    {
        if (Session::user() !== null) {
            $this->go($request, '');
            return;
        }
        if (!$this->secure($request)) {
            return;
        }
        if (($_GET['error'] ?? '') !== '') {
            $this->error('The identity provider failed to authenticate the user.', 400);
            return;
        }
        $state = (string) ($_GET['state'] ?? '');
        $flow = Session::get("oidc.$state");
        Session::forget("oidc.$state");
        if (!is_array($flow) || time() - $flow['time'] > self::FLOW_S) {
            $this->error(is_array($flow) || $state === '' ? 'The received state has expired.' : 'The received state does not match the expected value.', 403);
            return;
        }
        try {
            $this->complete($request, $flow);
        } catch (Refused $failure) {
            Server::log()->write(2, 'user_oidc', $failure->getMessage());
            $this->error($failure->getMessage(), 403);
        }
    }

    /** @param array<string, mixed> $flow */
    private function complete(Request $request, array $flow): void
    {
        $provider = $this->providers->byId((int) $flow['provider']) ?? throw new Refused('There is no such OpenID Connect provider.');
        $form = ['code' => (string) ($_GET['code'] ?? ''), 'redirect_uri' => Router::url($request, '/apps/user_oidc/code'), 'grant_type' => 'authorization_code'];
        if (isset($flow['verifier'])) {
            $form['code_verifier'] = $flow['verifier'];
        }
        $tokens = $this->discovery->tokens($provider, $form);
        $claims = $this->discovery->verify($provider, $tokens['id_token']);
        $this->checkClaims($provider, $claims, (string) $flow['nonce']);
        $user = $this->provisioning->tokenUser($provider, $claims) ?? throw new Refused('Failed to provision the user');
        $this->provisioning->checkGroups($provider, $claims);
        $uid = $this->provisioning->provision($provider, $claims, $user);
        if (!Server::users()->enabled($uid)) {
            throw new Refused('This user is disabled');
        }
        $token = Session::login($uid);
        Session::set('oidc.id_token', $tokens['id_token']);
        Session::set('oidc.providerid', $provider->id);
        Server::database()->run(
            'INSERT INTO {user_oidc_sessions} (sid, sub, iss, authtoken_id, provider_id, created_at) VALUES (?, ?, ?, ?, ?, ?)',
            [(string) ($claims['sid'] ?? 'fallback-sid'), (string) ($claims['sub'] ?? 'fallback-sub'), $claims['iss'], $token, $provider->id, time()],
        );
        $this->go($request, (string) $flow['after']);
    }

    private function checkClaims(Provider $provider, array $claims, string $nonce): void
    {
        $rules = Server::config()->list('user_oidc');
        $on = static fn (string $key): bool => !in_array($rules[$key] ?? true, [false, 'false', 0, '0'], true);
        match (true) {
            ($claims['exp'] ?? 0) < time() => throw new Refused('The received token is expired.'),
            ($claims['iss'] ?? null) !== $this->discovery->of($provider)['issuer']
                => throw new Refused('The issuer does not match the one from the discovery endpoint'),
            $on('login_validation_audience_check') && !in_array($provider->clientId, (array) ($claims['aud'] ?? $provider->clientId), true)
                => throw new Refused('The audience does not match ours'),
            $on('login_validation_azp_check') && ($claims['azp'] ?? $provider->clientId) !== $provider->clientId
                => throw new Refused('The authorized party does not match ours'),
            ($claims['nonce'] ?? $nonce) !== $nonce => throw new Refused('The nonce does not match'),
            default => null,
        };
    }

    /** Only to a path of this instance. */
    private function go(Request $request, string $after): void
    {
        $path = (string) preg_replace('#^https?://[^/]+#', '', $after);
        $target = preg_match('#^/[^/]#', $path) === 1 ? $request->base() . $path : Router::url($request, '/apps/files/');
        header("Location: $target", true, 303);
    }

    private function secure(Request $request): bool
    {
        if ($request->protocol() === 'https' || Server::config()->flag('debug') || $this->providers->insecureAllowed()) {
            return true;
        }
        $this->error('You must access Nextcloud with HTTPS to use OpenID Connect.', 404);
        return false;
    }

    private function error(string $message, int $status): void
    {
        http_response_code($status);
        Pages::error($message);
    }

    private static function random(int $length): string
    {
        $text = '';
        for ($i = 0; $i < $length; $i++) {
            $text .= self::LETTERS[random_int(0, 35)];
        }
        return $text;
    }
}
