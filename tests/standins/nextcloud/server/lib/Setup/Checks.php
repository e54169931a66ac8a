<?php
declare(strict_types=1);

namespace Standin\Setup;

use Standin\Config;
use Standin\Db\Schema;
use Standin\Refused;
use Standin\Server;

/** occ setupchecks: upstream's class names and severities, computed from this instance's actual state. */
final class Checks
{
    /** @return array<string, array<string, array<string, mixed>>> category to class to result */
    public static function run(): array
    {
        $found = [
            'system' => self::system(Server::config()),
            'network' => self::network(Server::config()),
            'security' => self::security(Server::config()),
            'database' => self::database(),
            'config' => self::config(Server::config()),
            'php' => self::php(),
        ];
        $results = [];
        foreach ($found as $category => $checks) {
            foreach ($checks as $class => [$severity, $description]) {
                $parts = explode('\\', $class);
                $results[$category][str_contains($class, '\\') ? $class : "OCA\\Settings\\SetupChecks\\$class"] = [
                    'name' => trim((string) preg_replace('/[A-Z]/', ' $0', end($parts))),
                    'severity' => $severity,
                    'description' => $description,
                    'descriptionParameters' => null,
                    'linkToDoc' => null,
                ];
            }
        }
        return $results;
    }

    /** @return array{string, string} */
    private static function when(bool $fine, string $otherwise, string $description): array
    {
        return [$fine ? 'success' : $otherwise, $fine ? '' : $description];
    }

    /** @return array<string, array{string, string}> */
    private static function system(Config $config): array
    {
        $settings = Server::appConfig();
        $age = time() - (int) $settings->get('core', 'lastcron', '0');
        $window = (int) $config->get('maintenance_window_start', 100);
        $checks = [];
        if (Server::apps()->enabled('app_api')) {
            $checks['OCA\AppAPI\SetupChecks\DaemonCheck'] = ['error', 'AppAPI default deploy daemon is not set.'];
        }
        $readable = $config->text('log_type', 'file') === 'file';
        return $checks + [
            'OCA\LogReader\SetupChecks\LogErrors' => self::when($readable, 'info', 'Logreader application only supports "file" log_type'),
            'BruteForceThrottler' => ['info', 'Your remote address could not be determined.'],
            'CronErrors' => ['success', ''],
            'CronInfo' => self::when($age < 3600, 'error', 'Last background job execution ran too long ago.'),
            'DebugMode' => self::when(!$config->flag('debug'), 'warning', 'This instance is running in debug mode.'),
            'FileLocking' => self::when(Server::redis()->locking(), 'info', 'The database is used for transactional file locking.'),
            'MaintenanceWindowStart' => self::when($window <= 23, 'warning', 'Server has no maintenance window start time configured.'),
            'MemcacheConfigured' => self::when($config->get('memcache.local') !== null, 'info', 'No memory cache has been configured.'),
            'MimeTypeMigrationAvailable' => self::when(
                $settings->get('files', 'mimetype_version') === Server::version()->full(),
                'warning',
                'One or more mimetype migrations are available.',
            ),
            'SystemIs64bit' => ['success', ''],
        ];
    }

    /** @return array<string, array{string, string}> */
    private static function network(Config $config): array
    {
        $reachable = self::reachable(rtrim($config->text('overwrite.cli.url'), '/') . '/status.php');
        $connected = !$config->flag('has_internet_connection', true) || $config->get('connectivity_check_domains') === [];
        return [
            'WebdavEndpoint' => self::when($reachable, 'info', 'Could not check the WebDAV endpoint.'),
            'DataDirectoryProtected' => self::when($reachable, 'warning', 'Could not check that the data directory is protected.'),
            'InternetConnectivity' => self::when($connected, 'warning', 'This server has no working internet connection.'),
            'JavaScriptModules' => self::when($reachable, 'warning', 'Unable to run check for JavaScript support.'),
            'OcxProviders' => self::when($reachable, 'warning', 'Could not check if your web server properly resolves the OCM and OCS provider URLs.'),
            'WellKnownUrls' => self::when($reachable, 'info', 'Could not check that your web server serves `.well-known` correctly.'),
            'Woff2Loading' => self::when($reachable, 'info', 'Could not check for WOFF2 loading support.'),
        ];
    }

    private static function reachable(string $url): bool
    {
        try {
            return json_decode(Server::http()->get($url), true) !== null;
        } catch (Refused) {
            return false;
        }
    }

    /** @return array<string, array{string, string}> */
    private static function security(Config $config): array
    {
        $https = str_starts_with($config->text('overwrite.cli.url'), 'https://');
        return [
            'CheckUserCertificates' => ['success', ''],
            'ForwardedForHeaders' => ['info', 'Your remote address could not be determined.'],
            'HttpsUrlGeneration' => self::when(
                $https && $config->text('overwriteprotocol') === 'https',
                'info',
                'Accessing site insecurely via HTTP.',
            ),
            'SecurityHeaders' => self::when(self::strictTransport($config->text('overwrite.cli.url')), 'info', 'Some headers are not set correctly on your instance.'),
        ];
    }

    private static function strictTransport(string $url): bool
    {
        if (!str_starts_with($url, 'https://')) {
            return false;
        }
        $context = stream_context_create(['ssl' => ['cafile' => Server::certificates()->bundle()], 'http' => ['timeout' => 10, 'ignore_errors' => true]]);
        $headers = @get_headers(rtrim($url, '/') . '/index.php/heartbeat', true, $context);
        $value = array_change_key_case($headers ?: [])['strict-transport-security'] ?? '';
        $value = is_array($value) ? end($value) : $value;
        return preg_match('/max-age=(\d+)/', $value, $found) === 1 && (int) $found[1] >= 15552000;
    }

    /** @return array<string, array{string, string}> */
    private static function database(): array
    {
        $missing = (new Schema(Server::database()))->missingIndices();
        $count = count(Server::database()->rows('SELECT 1 FROM {appconfig} LIMIT 1'));
        return [
            'DatabaseHasMissingColumns' => ['success', ''],
            'DatabaseHasMissingIndices' => self::when($missing === [], 'warning', 'Detected some missing optional indices: ' . implode(', ', array_keys($missing))),
            'DatabaseHasMissingPrimaryKeys' => ['success', ''],
            'SupportedDatabase' => self::when($count === 1, 'error', 'The database cannot be read.'),
        ];
    }

    /** @return array<string, array{string, string}> */
    private static function config(Config $config): array
    {
        return [
            'DefaultPhoneRegionSet' => self::when($config->text('default_phone_region') !== '', 'info', 'Your installation has no default phone region set.'),
            'EmailTestSuccessful' => self::when($config->text('mail_domain') !== '', 'info', 'You have not set or verified your email server configuration, yet.'),
            'OverwriteCliUrl' => self::when($config->text('overwrite.cli.url') !== '', 'warning', 'The "overwrite.cli.url" option is not set.'),
            'ReadOnlyConfig' => self::when(!$config->flag('config_is_read_only'), 'info', 'The read-only config has been enabled.'),
        ];
    }

    /** @return array<string, array{string, string}> */
    private static function php(): array
    {
        $limit = ini_parse_quantity((string) ini_get('memory_limit'));
        return [
            'PhpMemoryLimit' => self::when($limit < 0 || $limit >= 512 * 1048576, 'error', 'The PHP memory limit is below the recommended value of 512 MB.'),
            'PhpOpcacheSetup' => self::when((bool) ini_get('opcache.enable'), 'warning', 'The PHP OPcache module is not loaded.'),
            'OCA\Theming\SetupChecks\PhpImagickModule' => ['success', ''],
        ];
    }
}
