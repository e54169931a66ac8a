<?php
/** occ: checks who runs it, drops root to the owner of config.php, then hands over to the console application. */
declare(strict_types=1);

require_once __DIR__ . '/lib/base.php';

use Standin\Console\Application;
use Standin\Refused;

if (PHP_SAPI !== 'cli') {
    echo "This script can be run from the command line only\n";
    exit(1);
}

$config = __DIR__ . '/config/config.php';
$owner = is_file($config) ? (int) fileowner($config) : posix_getuid();
if (posix_getuid() === 0 && $owner !== 0) {
    // Upstream drops to the owner by itself. HOME stays root's, as upstream's does.
    posix_setgid((int) filegroup($config));
    posix_setuid($owner);
}
if (posix_getuid() !== $owner) {
    // Upstream stumbles over the unreadable configuration before it compares owners: text instead of JSON, and exit 0.
    echo "Cannot write into \"config\" directory!\n";
    echo "This can usually be fixed by giving the web server write access to the config directory.\n";
    exit(0);
}
chdir(__DIR__);

try {
    exit((new Application())->run(array_slice($argv, 1)) & 0xFF);
} catch (PDOException $failure) {
    echo "An unhandled exception has been thrown:\n";
    echo 'Doctrine\DBAL\Exception: Failed to connect to the database: An exception occurred in the driver: ' . $failure->getMessage() . "\n";
    exit(1);
} catch (RedisException | Refused $failure) {
    echo "An unhandled exception has been thrown:\n" . get_class($failure) . ': ' . $failure->getMessage() . "\n";
    exit(1);
}
