<?php
declare(strict_types=1);

namespace Standin;

use OC;

/** The names of the system settings that Nextcloud knows. */
final class Settings
{
    /** @var array<string, string>|null key to documented type */
    private static ?array $known = null;

    /**
     * @param string $where what the message blames: a file's name, or "occ"
     * @throws Refused when no Nextcloud reads the key
     */
    public static function check(string $key, string $where): void
    {
        self::$known ??= json_decode(
            (string) file_get_contents(OC::$SERVERROOT . '/core/system-settings.json'),
            true,
            flags: JSON_THROW_ON_ERROR,
        );
        if (isset(self::$known[$key])) {
            return;
        }
        $names = array_keys(self::$known);
        usort($names, static fn (string $a, string $b): int => levenshtein($key, $a) <=> levenshtein($key, $b));
        throw new Refused("nextcloud stand-in: unknown system setting \"$key\" ($where); nearest: \"$names[0]\"");
    }
}
