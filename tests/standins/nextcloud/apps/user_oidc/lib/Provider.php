<?php
declare(strict_types=1);

namespace Standin\UserOidc;

/** One identity provider as stored; the secret is encrypted. */
final class Provider
{
    public function __construct(
        public readonly int $id,
        public readonly string $identifier,
        public readonly string $clientId,
        public readonly string $clientSecret,
        public readonly string $discovery,
        public readonly ?string $endSession,
        public readonly ?string $postLogout,
        public readonly string $scope,
    ) {
    }

    /** @param array<string, mixed> $row */
    public static function fromRow(array $row): self
    {
        return new self(
            (int) $row['id'],
            $row['identifier'],
            $row['client_id'],
            $row['client_secret'],
            (string) $row['discovery_endpoint'],
            $row['end_session_endpoint'],
            $row['post_logout_uri'],
            $row['scope'],
        );
    }

    /** @return array<string, mixed> as occ prints it; never with the secret */
    public function describe(): array
    {
        return [
            'id' => $this->id,
            'identifier' => $this->identifier,
            'clientId' => $this->clientId,
            'discoveryEndpoint' => $this->discovery,
            'endSessionEndpoint' => $this->endSession,
            'postLogoutUri' => $this->postLogout,
            'scope' => trim($this->scope),
        ];
    }
}
