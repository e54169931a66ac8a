<?php
declare(strict_types=1);

namespace Standin\UserOidc;

use Standin\Refused;
use Standin\Server;

/** Makes and updates an account from the claims of a token. */
final class Provisioning
{
    public function __construct(private Providers $providers)
    {
    }

    /** @param array<string, mixed> $claims */
    public function claim(Provider $provider, array $claims, string $setting, string $default): mixed
    {
        return $claims[$this->providers->get($provider, $setting, $default)] ?? null;
    }

    /** @return string|null the claim that names the user */
    public function tokenUser(Provider $provider, array $claims): ?string
    {
        $value = $this->claim($provider, $claims, 'mappingUid', 'sub');
        return is_string($value) && trim($value) !== '' ? $value : null;
    }

    /** With unique-uid (the default) the uid is a hash over provider and claim. */
    private function localId(Provider $provider, string $claim): string
    {
        $id = $this->providers->on($provider, 'uniqueUid') ? hash('sha256', "{$provider->id}_0_$claim") : $claim;
        return strlen($id) > 64 ? hash('sha256', $id) : $id;
    }

    /**
     * @param array<string, mixed> $claims
     * @return string the uid of the account
     * @throws Refused when the system setting user_oidc forbids it
     */
    public function provision(Provider $provider, array $claims, string $tokenUser, bool $update = true): string
    {
        $rules = Server::config()->list('user_oidc');
        $existing = Server::users()->exists($tokenUser) ? $tokenUser : null;
        if (!($rules['auto_provision'] ?? true)) {
            return $existing ?? throw new Refused('Failed to provision the user');
        }
        if ($existing !== null && Server::users()->backend($existing) !== 'user_oidc' && !($rules['soft_auto_provision'] ?? true)) {
            throw new Refused('User conflict');
        }
        $uid = $existing ?? $this->create($provider, $tokenUser, $rules);
        if ($update) {
            $this->update($provider, $claims, $uid);
        }
        return $uid;
    }

    private function create(Provider $provider, string $tokenUser, array $rules): string
    {
        $uid = $this->localId($provider, $tokenUser);
        if (in_array($rules['disable_account_creation'] ?? false, [true, 'true', 1, '1'], true) && !Server::users()->exists($uid)) {
            throw new Refused('Failed to provision the user');
        }
        Server::database()->run(
            "INSERT INTO {user_oidc} (user_id, display_name) VALUES (?, '') ON CONFLICT (user_id) DO NOTHING",
            [$uid],
        );
        return $uid;
    }

    private function update(Provider $provider, array $claims, string $uid): void
    {
        $name = $this->claim($provider, $claims, 'mappingDisplayName', 'name');
        if (is_string($name) && $name !== '') {
            Server::database()->run('UPDATE {user_oidc} SET display_name = ? WHERE user_id = ?', [mb_substr($name, 0, 255), $uid]);
            Server::users()->setDisplayName($uid, mb_substr($name, 0, 64));
        }
        $email = $this->claim($provider, $claims, 'mappingEmail', 'email');
        if (is_string($email) && $email !== '') {
            Server::preferences()->set($uid, 'settings', 'email', $email);
        }
        $quota = $this->claim($provider, $claims, 'mappingQuota', 'quota');
        if (is_string($quota) && $quota !== '') {
            Server::preferences()->set($uid, 'files', 'quota', $quota);
        }
        if ($this->providers->on($provider, 'groupProvisioning')) {
            $this->groups($provider, $claims, $uid);
        }
    }

    private function pattern(Provider $provider): string
    {
        $pattern = $this->providers->get($provider, 'groupWhitelistRegex');
        return $pattern === '' || str_starts_with($pattern, '/') ? $pattern : "/$pattern/";
    }

    /**
     * @param array<string, mixed> $claims
     * @return array<string, string>|null gid to display name; null without the claim
     */
    public function groupsOf(Provider $provider, array $claims): ?array
    {
        $value = $this->claim($provider, $claims, 'mappingGroups', 'groups');
        if ($value === null) {
            return null;
        }
        $value = is_string($value) ? array_filter(array_map(trim(...), explode(',', $value))) : (array) $value;
        $pattern = $this->pattern($provider);
        $groups = [];
        foreach ($value as $one) {
            $gid = is_array($one) ? (string) ($one['gid'] ?? '') : (string) $one;
            if ($gid !== '' && ($pattern === '' || preg_match($pattern, $gid) === 1)) {
                $groups[$this->localId($provider, $gid)] = is_array($one) ? (string) ($one['displayName'] ?? $gid) : $gid;
            }
        }
        return $groups;
    }

    /** Without a whitelist the user leaves every group that the token does not name, the local "admin" included. */
    private function groups(Provider $provider, array $claims, string $uid): void
    {
        $wanted = $this->groupsOf($provider, $claims);
        if ($wanted === null) {
            return;
        }
        $pattern = $this->pattern($provider);
        foreach (Server::groups()->of($uid) as $gid) {
            if (!isset($wanted[$gid]) && ($pattern === '' || preg_match($pattern, $gid) === 1)) {
                Server::groups()->remove($gid, $uid);
            }
        }
        foreach ($wanted as $gid => $name) {
            Server::groups()->create((string) $gid, $name);
            Server::groups()->add((string) $gid, $uid);
        }
    }

    /** @throws Refused when the login is restricted to whitelisted groups and the token has none of them */
    public function checkGroups(Provider $provider, array $claims): void
    {
        if ($this->providers->on($provider, 'restrictLoginToGroups') && !$this->groupsOf($provider, $claims)) {
            throw new Refused('You do not have permission to log in to this instance. If you think this is an error, please contact an administrator.');
        }
    }
}
