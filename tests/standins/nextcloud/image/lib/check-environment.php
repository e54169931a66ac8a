<?php
/**
 * Refuses to start on an environment variable that the upstream image does not read.
 *
 * Exits 1 and names each such variable, with the nearest known name. Variables that upstream reads but that nothing
 * here plays (another database than PostgreSQL, object storage) are refused as well, and said so.
 */
declare(strict_types=1);

const NOT_PLAYED = ['MYSQL_', 'SQLITE_', 'OBJECTSTORE_', 'APACHE_'];
// Set by the shell, by the runtime of the container, by the base image or by this image itself.
const OWN = ['PWD', 'OLDPWD', 'SHLVL', '_', 'PHPRC', 'container', 'DEBIAN_FRONTEND'];

$contract = json_decode(file_get_contents(__DIR__ . '/environment.json'), true, flags: JSON_THROW_ON_ERROR);
$settings = json_decode(file_get_contents('/usr/src/nextcloud/core/system-settings.json'), true, flags: JSON_THROW_ON_ERROR);
$known = array_merge($contract['variables'], $contract['occ'], OWN);

function nearest(string $name, array $known): string
{
    usort($known, static fn (string $a, string $b): int => levenshtein($name, $a) <=> levenshtein($name, $b));
    return $known[0];
}

function problem(string $name, array $known, array $settings): ?string
{
    foreach (NOT_PLAYED as $prefix) {
        if (str_starts_with($name, $prefix) && in_array($name, $known, true)) {
            return "$name: known upstream, but this stand-in does not play it";
        }
    }
    if (in_array($name, $known, true)) {
        return null;
    }
    if (str_starts_with($name, 'NC_')) {
        $key = substr($name, 3);
        if (!isset($settings[$key])) {
            return "$name: there is no system setting \"$key\"; nearest: NC_" . nearest($key, array_keys($settings));
        }
        return $settings[$key] === 'array' ? "$name: \"$key\" is a list, which a variable cannot express" : null;
    }
    return "$name: not read by the image; nearest known name: " . nearest($name, $known);
}

$problems = array_filter(array_map(
    static fn (string $name): ?string => problem($name, $known, $settings),
    array_keys(getenv()),
));
foreach ($problems as $text) {
    fwrite(STDERR, "nextcloud stand-in: unknown environment variable: $text\n");
}
exit($problems === [] ? 0 : 1);
