<?php
declare(strict_types=1);

namespace Standin\Console\Commands;

use Standin\Console\Input;
use Standin\Console\Output;
use Standin\Console\UsageError;
use Standin\Server;

/** config:system:* — the settings in config.php; several names lead into a nested list. */
final class SystemSettings
{
    public static function get(Input $input, Output $output): int
    {
        $names = $input->arguments('name');
        $value = Server::config()->get(array_shift($names));
        foreach ($names as $name) {
            $value = is_array($value) ? ($value[$name] ?? null) : null;
        }
        if ($value === null && $input->option('default-value') === null) {
            return 1;
        }
        $value ??= $input->option('default-value');
        if (in_array($input->option('output'), ['json', 'json_pretty'], true)) {
            $output->data($value, $input->option('output'));
        } else {
            self::plain($value, $output, '');
        }
        return 0;
    }

    private static function plain(mixed $value, Output $output, string $indent): void
    {
        if (!is_array($value)) {
            $output->data($value, null);
            return;
        }
        foreach ($value as $key => $part) {
            if (is_array($part)) {
                $output->line("$indent$key:");
                self::plain($part, $output, "$indent  ");
            } else {
                $text = is_bool($part) ? ($part ? 'true' : 'false') : (string) $part;
                $output->line($indent . (is_int($key) ? $text : "$key: $text"));
            }
        }
    }

    public static function set(Input $input, Output $output): int
    {
        $names = $input->arguments('name');
        $existing = self::existing($names);
        if ($input->flag('update-only') && $existing === null) {
            throw new UsageError('Config parameter does not exist');
        }
        [$value, $readable] = self::cast($input->option('value'), $input->option('type', 'string'));
        $top = $names[0];
        $whole = $value;
        if (count($names) > 1) {
            $whole = Server::config()->get($top);
            $whole = is_array($whole) ? $whole : [];
            $place = &$whole;
            foreach (array_slice($names, 1) as $name) {
                if (!is_array($place)) {
                    $place = [];
                }
                $place = &$place[$name];
            }
            $place = $value;
            unset($place);
        }
        Server::config()->set([$top => $whole]);
        $output->line('System config value ' . implode(' => ', $names) . " set to $readable");
        return 0;
    }

    /** @param list<string> $names */
    private static function existing(array $names): mixed
    {
        $value = Server::config()->get(array_shift($names));
        foreach ($names as $name) {
            $value = is_array($value) ? ($value[$name] ?? null) : null;
        }
        return $value;
    }

    /** @return array{mixed, string} the value and how the command speaks of it */
    private static function cast(?string $value, string $type): array
    {
        $value ??= '';
        switch ($type) {
            case 'integer':
            case 'int':
                return is_numeric($value) ? [(int) $value, "integer $value"] : throw new UsageError('Non-numeric value specified');
            case 'double':
            case 'float':
                return is_numeric($value) ? [(float) $value, "double $value"] : throw new UsageError('Non-numeric value specified');
            case 'boolean':
            case 'bool':
                $value = strtolower($value);
                return in_array($value, ['true', 'false'], true)
                    ? [$value === 'true', "boolean $value"]
                    : throw new UsageError('Unable to parse value as boolean');
            case 'null':
                return [null, 'null'];
            case 'string':
                return [$value, $value === '' ? 'empty string' : "string $value"];
            case 'json':
                $decoded = json_decode($value, true);
                return json_last_error() === JSON_ERROR_NONE
                    ? [$decoded, "json $value"]
                    : throw new UsageError('Unable to parse value as json');
            default:
                throw new UsageError('Invalid type');
        }
    }

    public static function delete(Input $input, Output $output): int
    {
        $names = $input->arguments('name');
        if ($input->flag('error-if-not-exists') && self::existing($names) === null) {
            $output->line('System config ' . implode(' => ', $names) . ' could not be deleted because it did not exist');
            return 1;
        }
        $whole = null;
        if (count($names) > 1) {
            $whole = Server::config()->list($names[0]);
            $place = &$whole;
            foreach (array_slice($names, 1, -1) as $name) {
                $place = &$place[$name];
            }
            unset($place[end($names)]);
            unset($place);
        }
        Server::config()->set([$names[0] => $whole]);
        $output->line('System config value ' . implode(' => ', $names) . ' deleted');
        return 0;
    }
}
