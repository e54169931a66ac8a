<?php
declare(strict_types=1);

namespace Standin\UserOidc;

use Standin\AppConfig;
use Standin\Db\Connection;
use Standin\Refused;
use Standin\Security\Crypto;

/** The identity providers (a table) and their settings (app settings "provider-<n>-<key>", typed strings). */
final class Providers
{
    /** option of occ user_oidc:provider to the setting it writes */
    public const SETTINGS = [
        'unique-uid' => 'uniqueUid', 'check-bearer' => 'checkBearer', 'bearer-provisioning' => 'bearerProvisioning',
        'send-id-token-hint' => 'sendIdTokenHint', 'mapping-display-name' => 'mappingDisplayName',
        'mapping-email' => 'mappingEmail', 'mapping-quota' => 'mappingQuota', 'mapping-uid' => 'mappingUid',
        'extra-claims' => 'extraClaims', 'mapping-language' => 'mappingLanguage', 'mapping-locale' => 'mappingLocale',
        'mapping-website' => 'mappingWebsite', 'mapping-avatar' => 'mappingAvatar', 'mapping-twitter' => 'mappingTwitter',
        'mapping-fediverse' => 'mappingFediverse', 'mapping-organisation' => 'mappingOrganisation',
        'mapping-role' => 'mappingRole', 'mapping-headline' => 'mappingHeadline', 'mapping-biography' => 'mappingBiography',
        'mapping-phone' => 'mappingPhonenumber', 'mapping-gender' => 'mappingGender',
        'mapping-pronouns' => 'mappingPronouns', 'mapping-birthdate' => 'mappingBirthdate',
        'mapping-address' => 'mappingAddress', 'mapping-street_address' => 'mappingStreetaddress',
        'mapping-postal_code' => 'mappingPostalcode', 'mapping-locality' => 'mappingLocality',
        'mapping-region' => 'mappingRegion', 'mapping-country' => 'mappingCountry',
        'group-provisioning' => 'groupProvisioning', 'group-whitelist-regex' => 'groupWhitelistRegex',
        'group-restrict-login-to-whitelist' => 'restrictLoginToGroups', 'mapping-groups' => 'mappingGroups',
        'entraid-group-names' => 'azureGroupNames', 'resolve-nested-claims' => 'nestedAndFallbackClaims',
    ];
    /** switches, with their default */
    public const SWITCHES = ['groupProvisioning' => false, 'providerBasedId' => false, 'bearerProvisioning' => false,
        'uniqueUid' => true, 'checkBearer' => false, 'sendIdTokenHint' => false, 'restrictLoginToGroups' => false,
        'azureGroupNames' => false, 'nestedAndFallbackClaims' => false, 'enrichLoginIdTokenWithUserinfo' => false];

    public function __construct(private Connection $database, private AppConfig $settings, private Crypto $crypto)
    {
    }

    /** @return list<Provider> */
    public function all(): array
    {
        return array_map(Provider::fromRow(...), $this->database->rows('SELECT * FROM {user_oidc_providers} ORDER BY id'));
    }

    public function byId(int $id): ?Provider
    {
        $row = $this->database->row('SELECT * FROM {user_oidc_providers} WHERE id = ?', [$id]);
        return $row === null ? null : Provider::fromRow($row);
    }

    public function byIdentifier(string $identifier): ?Provider
    {
        $row = $this->database->row('SELECT * FROM {user_oidc_providers} WHERE identifier = ?', [$identifier]);
        return $row === null ? null : Provider::fromRow($row);
    }

    /**
     * Creates or changes a provider; what is null stays as it is.
     *
     * @throws Refused when a new one lacks its client id, its secret or its discovery address
     */
    public function upsert(
        string $identifier,
        ?string $clientId,
        ?string $secret,
        ?string $discovery,
        ?string $endSession,
        ?string $postLogout,
        ?string $scope,
    ): Provider {
        $old = $this->byIdentifier($identifier);
        if ($old === null && ($clientId === null || $secret === null || $discovery === null)) {
            throw new Refused('Provider must be created. All provider parameters required.');
        }
        $this->database->run(
            'INSERT INTO {user_oidc_providers} (identifier, client_id, client_secret, discovery_endpoint, end_session_endpoint,
             post_logout_uri, scope) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (identifier) DO UPDATE SET
             client_id = excluded.client_id, client_secret = excluded.client_secret,
             discovery_endpoint = excluded.discovery_endpoint, end_session_endpoint = excluded.end_session_endpoint,
             post_logout_uri = excluded.post_logout_uri, scope = excluded.scope',
            [
                $identifier,
                $clientId ?? $old->clientId,
                $secret !== null ? $this->crypto->encrypt($secret) : $old->clientSecret,
                $discovery ?? $old->discovery,
                $endSession ?? $old?->endSession,
                $postLogout ?? $old?->postLogout,
                $scope ?? $old->scope ?? 'openid email profile',
            ],
        );
        $provider = $this->byIdentifier($identifier);
        $this->set($provider, 'jwksCache', '');
        $this->set($provider, 'jwksCacheTimestamp', '');
        return $provider;
    }

    public function delete(Provider $provider): void
    {
        $this->database->run('DELETE FROM {user_oidc_providers} WHERE id = ?', [$provider->id]);
        foreach ([...array_values(self::SETTINGS), 'providerBasedId', 'jwksCache', 'jwksCacheTimestamp'] as $key) {
            $this->settings->delete('user_oidc', "provider-$provider->id-$key");
        }
    }

    public function secret(Provider $provider): string
    {
        return $this->crypto->decrypt($provider->clientSecret);
    }

    public function get(Provider $provider, string $key, string $default = ''): string
    {
        return $this->settings->get('user_oidc', "provider-$provider->id-$key") ?: $default;
    }

    public function on(Provider $provider, string $switch): bool
    {
        $value = $this->settings->get('user_oidc', "provider-$provider->id-$switch");
        return $value === '' ? self::SWITCHES[$switch] : $value === '1';
    }

    public function set(Provider $provider, string $key, string $value): void
    {
        $this->settings->set('user_oidc', "provider-$provider->id-$key", $value, 'string', true);
    }

    /** @return array<string, mixed> every setting, switches as booleans */
    public function settings(Provider $provider): array
    {
        $all = [];
        foreach ([...array_values(self::SETTINGS), 'providerBasedId'] as $key) {
            $stored = $this->settings->get('user_oidc', "provider-$provider->id-$key");
            $all[$key] = isset(self::SWITCHES[$key]) ? $this->on($provider, $key) : $stored;
        }
        return $all;
    }

    public function single(): bool
    {
        return $this->settings->get('user_oidc', 'allow_multiple_user_backends', '1') !== '1';
    }

    public function insecureAllowed(): bool
    {
        return in_array($this->settings->get('user_oidc', 'allow_insecure_http'), ['1', 'true', 'yes', 'on'], true);
    }
}
