<?php
/**
 * Loads the stand-in: class loader, configuration, ownership of config.php. Every entry point requires this first.
 */
declare(strict_types=1);

date_default_timezone_set('UTC');
error_reporting(E_ALL);
ini_set('display_errors', '0');

/** The one upstream class that the image's config snippets name. */
final class OC
{
    public static string $SERVERROOT = '';
}
OC::$SERVERROOT = dirname(__DIR__);

spl_autoload_register(static function (string $class): void {
    if (str_starts_with($class, 'Standin\\')) {
        $file = __DIR__ . '/' . str_replace('\\', '/', substr($class, 8)) . '.php';
        if (is_file($file)) {
            require $file;
        }
    }
});
