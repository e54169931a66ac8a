<?php
declare(strict_types=1);

namespace Standin;

/** The version of the code, and whether the database is behind it. */
final class Version
{
    /** @param list<int> $numbers four numbers, as upstream's version.php has them */
    private function __construct(private array $numbers, private string $text)
    {
    }

    public static function fromFile(string $path): self
    {
        $OC_Version = [];
        $OC_VersionString = '';
        require $path;
        return new self($OC_Version, $OC_VersionString);
    }

    /** "34.0.2.1" */
    public function full(): string
    {
        return implode('.', $this->numbers);
    }

    /** "34.0.2" */
    public function text(): string
    {
        return $this->text;
    }

    public function major(): int
    {
        return $this->numbers[0];
    }

    /** True when config.php or an enabled app is at another version than the code on disk. */
    public function needsUpgrade(): bool
    {
        if (!Server::config()->installed()) {
            return false;
        }
        $stored = (string) Server::config()->get('version', '0.0.0');
        return version_compare($this->full(), $stored, '>') || Server::apps()->needingUpgrade() !== [];
    }

    /**
     * What status.php and occ status say.
     *
     * @return array<string, bool|string>
     */
    public function status(): array
    {
        return [
            'installed' => Server::config()->installed(),
            'version' => $this->full(),
            'versionstring' => $this->text,
            'edition' => '',
            'maintenance' => Server::config()->flag('maintenance'),
            'needsDbUpgrade' => $this->needsUpgrade(),
            'productname' => 'Nextcloud',
            'extendedSupport' => false,
        ];
    }
}
