<?php
declare(strict_types=1);

namespace Standin\Console\Commands;

use Standin\Console\Input;
use Standin\Console\Output;
use Standin\Server;

/** config:list and config:import — every setting as one JSON object. */
final class AllSettings
{
    private const HIDDEN = '***REMOVED SENSITIVE VALUE***';
    private const SENSITIVE_SYSTEM = ['instanceid', 'datadirectory', 'dbname', 'dbhost', 'dbpassword', 'dbuser', 'dbreplica',
        'trusted_proxies', 'mail_from_address', 'mail_domain', 'mail_smtphost', 'mail_smtpname', 'mail_smtppassword',
        'passwordsalt', 'secret', 'updater.secret', 'proxyuserpwd', 'sentry.dsn', 'zammad.download.secret',
        'zammad.portal.secret', 'zammad.secret', 'github.client_id', 'github.client_secret', 'log.condition',
        'logfile', 'preview_imaginary_key'];

    public static function list(Input $input, Output $output): int
    {
        $which = $input->argument('app') ?? 'all';
        $private = $input->flag('private');
        $result = [];
        if ($which === 'all' || $which === 'system') {
            $result['system'] = self::system($private);
        }
        if ($which !== 'system') {
            $apps = $which === 'all' ? Server::appConfig()->apps() : [$which];
            $result['apps'] = [];
            foreach ($apps as $app) {
                $result['apps'][$app] = self::app($app, $private);
            }
        }
        $format = $input->option('output', 'json_pretty');
        $output->data($result, $format === 'plain' ? 'json_pretty' : $format);
        return 0;
    }

    /** @return array<string, mixed> */
    private static function system(bool $private): array
    {
        $config = Server::config();
        $values = [];
        foreach ($config->keys() as $key) {
            $value = $config->get($key);
            if (!$private) {
                $value = match (true) {
                    in_array($key, self::SENSITIVE_SYSTEM, true) => self::HIDDEN,
                    $key === 'redis' => array_replace($value, array_fill_keys(array_intersect(['host', 'password'], array_keys($value)), self::HIDDEN)),
                    default => $value,
                };
            }
            $values[$key] = $value;
        }
        return $values;
    }

    /** @return array<string, mixed> */
    private static function app(string $app, bool $private): array
    {
        $settings = Server::appConfig();
        $values = [];
        foreach ($settings->keys($app) as $key) {
            $values[$key] = match (true) {
                !$settings->sensitive($app, $key) => AppSettings::typed($settings, $app, $key),
                $private => '$AppConfigEncryption$' . $settings->stored($app, $key),
                default => self::HIDDEN,
            };
        }
        return $values;
    }

    /**
     * Takes the same shape from a file (or stdin, which is read without waiting). Lists are replaced whole, null deletes;
     * "apps" takes only integers, strings and null, and no key that is already typed otherwise. The system part is
     * written before the apps are looked at.
     */
    public static function import(Input $input, Output $output): int
    {
        $file = $input->argument('file');
        $data = json_decode(self::read($file), true);
        $problem = self::problem($data);
        if ($problem !== null) {
            $output->line($problem);
            return 1;
        }
        if (isset($data['system'])) {
            Server::config()->set($data['system']);
        }
        foreach ($data['apps'] ?? [] as $app => $values) {
            foreach ($values as $key => $value) {
                if ($value === null) {
                    Server::appConfig()->delete((string) $app, (string) $key);
                } else {
                    Server::appConfig()->set((string) $app, (string) $key, (string) $value, 'mixed');
                }
            }
        }
        $output->line("Config successfully imported from: $file");
        return 0;
    }

    private static function read(?string $file): string
    {
        if ($file !== null) {
            return (string) @file_get_contents($file);
        }
        stream_set_blocking(STDIN, false);
        return (string) stream_get_contents(STDIN);
    }

    private static function problem(mixed $data): ?string
    {
        if (!is_array($data)) {
            return 'The file must contain a valid json array';
        }
        $extra = array_diff(array_keys($data), ['system', 'apps']);
        if ($extra !== []) {
            return 'Found invalid entries in root: ' . implode(', ', $extra);
        }
        foreach ($data['system'] ?? [] as $key => $value) {
            if (is_float($value)) {
                continue;
            }
            if (!is_scalar($value) && $value !== null && !is_array($value)) {
                return "Invalid system config value for \"$key\".";
            }
        }
        foreach ($data['apps'] ?? [] as $app => $values) {
            foreach ($values as $key => $value) {
                if (!is_int($value) && !is_string($value) && $value !== null) {
                    return "Invalid app config value for \"$app\":\"$key\". Only integers, strings and null (delete) are allowed.";
                }
            }
        }
        return null;
    }
}
