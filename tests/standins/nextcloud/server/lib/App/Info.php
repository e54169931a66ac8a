<?php
declare(strict_types=1);

namespace Standin\App;

use Standin\Refused;

/** What an app's appinfo/info.xml says. */
final class Info
{
    private function __construct(
        public readonly string $id,
        public readonly string $path,
        public readonly string $version,
        public readonly string $min,
        public readonly string $max,
        public readonly string $types,
        public readonly string $namespace,
    ) {
    }

    /** @throws Refused when the folder's name is not the app's id, or the file cannot be read */
    public static function fromFolder(string $path): self
    {
        $xml = @simplexml_load_file("$path/appinfo/info.xml");
        if ($xml === false) {
            throw new Refused("$path/appinfo/info.xml is missing or not XML");
        }
        if ((string) $xml->id !== basename($path)) {
            throw new Refused("App id \"$xml->id\" in info.xml does not match the folder's name \"" . basename($path) . '"');
        }
        $types = [];
        foreach ($xml->types->children() ?? [] as $type) {
            $types[] = $type->getName();
        }
        $needs = $xml->dependencies->nextcloud;
        return new self(
            (string) $xml->id,
            $path,
            (string) $xml->version,
            (string) $needs['min-version'],
            (string) $needs['max-version'],
            implode(',', $types),
            (string) $xml->namespace,
        );
    }

    public function compatible(int $major): bool
    {
        return $major >= (int) $this->min && ($this->max === '' || $major <= (int) $this->max);
    }
}
