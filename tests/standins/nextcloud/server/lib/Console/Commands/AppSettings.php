<?php
declare(strict_types=1);

namespace Standin\Console\Commands;

use Standin\AppConfig;
use Standin\Console\Input;
use Standin\Console\Output;
use Standin\Console\UsageError;
use Standin\Refused;
use Standin\Server;

/** config:app:* — the typed settings of apps. */
final class AppSettings
{
    private const WORDS = ['string' => 'string', 'integer' => 'integer', 'int' => 'integer', 'float' => 'float',
        'boolean' => 'boolean', 'bool' => 'boolean', 'array' => 'array'];

    public static function get(Input $input, Output $output): int
    {
        [$app, $name] = [(string) $input->argument('app'), (string) $input->argument('name')];
        $settings = Server::appConfig();
        if (!$settings->has($app, $name)) {
            if ($input->option('default-value') === null) {
                return 1;
            }
            $output->data($input->option('default-value'), $input->option('output'));
            return 0;
        }
        if ($input->flag('details')) {
            $output->data([
                'app' => $app,
                'key' => $name,
                'value' => $settings->get($app, $name),
                'type' => $settings->type($app, $name),
                'lazy' => $settings->lazy($app, $name),
                'sensitive' => $settings->sensitive($app, $name),
            ], $input->option('output'));
            return 0;
        }
        $output->data($settings->get($app, $name), $input->option('output'));
        return 0;
    }

    public static function set(Input $input, Output $output): int
    {
        [$app, $name] = [(string) $input->argument('app'), (string) $input->argument('name')];
        $settings = Server::appConfig();
        $old = $settings->type($app, $name);
        if ($input->flag('update-only') && $old === null) {
            $output->line("Config value $name for app $app not updated, as it has not been set before.");
            return 1;
        }
        $given = $input->option('type');
        $type = $given === null ? ($old ?? 'mixed') : (self::WORDS[$given] ?? throw new UsageError("Unknown type $given"));
        if ($old !== null && $type !== $old && !self::confirm($input, $output, "$app/$name", $type)) {
            $type = $old;
        }
        $value = self::normal($input->option('value'), $type);
        $lazy = $input->flag('lazy') ? true : ($input->flag('no-lazy') ? false : null);
        if ($old !== null && $lazy !== null && $lazy !== $settings->lazy($app, $name)
            && !self::confirm($input, $output, "$app/$name", $lazy ? 'lazy' : 'not lazy')) {
            $lazy = null;
        }
        $sensitive = $input->flag('sensitive') ? true : ($input->flag('no-sensitive') ? false : null);
        if ($old !== null && $type !== $old) {
            $sensitive ??= $settings->sensitive($app, $name);
            $lazy ??= $settings->lazy($app, $name);
            $settings->delete($app, $name);
        }
        if (!$settings->set($app, $name, $value, $type, $lazy, $sensitive)) {
            $output->line('Config value were not updated');
            return 0;
        }
        $shown = $settings->sensitive($app, $name) ? '<sensitive>' : $value;
        $cache = $settings->lazy($app, $name) ? 'lazy cache' : 'fast cache';
        $output->line("Config value '$name' for app '$app' is now set to '$shown', stored as {$settings->type($app, $name)} in $cache");
        return 0;
    }

    private static function normal(?string $value, string $type): string
    {
        if ($value === null) {
            throw new UsageError('Missing value');
        }
        return match ($type) {
            'integer' => ctype_digit(ltrim($value, '-')) ? $value : throw new UsageError('Value is not an integer'),
            'float' => is_numeric($value) ? $value : throw new UsageError('Value is not a float'),
            'boolean' => match (strtolower($value)) {
                '1', 'true', 'yes', 'on' => '1',
                '0', 'false', 'no', 'off', '' => '0',
                default => throw new UsageError('Value is not a boolean, please use \'true\' or \'false\''),
            },
            'array' => is_array(json_decode($value, true)) ? $value : throw new UsageError('Value is not a valid json'),
            default => $value,
        };
    }

    /** A key changes its type (or cache) only after a typed "yes", or without a question when -n is given. */
    private static function confirm(Input $input, Output $output, string $key, string $type): bool
    {
        if (!$input->interactive) {
            return true;
        }
        $output->line("You are about to set config value $key as " . strtoupper($type));
        $output->line("\nThis might break thing, affect performance on your instance or its security!");
        $answer = $input->ask("Confirm this action by typing 'yes': ") ?? throw new UsageError('Aborted.');
        return strtolower($answer) === 'yes';
    }

    public static function delete(Input $input, Output $output): int
    {
        [$app, $name] = [(string) $input->argument('app'), (string) $input->argument('name')];
        if ($input->flag('error-if-not-exists') && !Server::appConfig()->has($app, $name)) {
            $output->line("Config $name of app $app could not be deleted because it did not exist");
            return 1;
        }
        Server::appConfig()->delete($app, $name);
        $output->line("Config value $name of app $app deleted");
        return 0;
    }

    /** The value with its type, as config:list shows it. */
    public static function typed(AppConfig $settings, string $app, string $key): mixed
    {
        $value = $settings->get($app, $key);
        return match ($settings->type($app, $key)) {
            'integer' => (int) $value,
            'float' => (float) $value,
            'boolean' => in_array(strtolower($value), ['1', 'true', 'yes', 'on'], true),
            'array' => json_decode($value, true) ?? throw new Refused("Value of $app/$key is no JSON"),
            default => $value,
        };
    }
}
