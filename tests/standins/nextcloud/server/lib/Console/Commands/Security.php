<?php
declare(strict_types=1);

namespace Standin\Console\Commands;

use Standin\Console\Input;
use Standin\Console\Output;
use Standin\Server;

/** security:* — imported certificates. Brute-force protection is not played: there are never any attempts. */
final class Security
{
    public static function certificates(Input $input, Output $output): int
    {
        $all = Server::certificates()->all();
        if (in_array($input->option('output'), ['json', 'json_pretty'], true)) {
            $output->data($all, $input->option('output'));
            return 0;
        }
        $output->table(
            ['File Name', 'Common Name', 'Organization', 'Valid Until', 'Issued By'],
            array_map(static fn (array $one): array => [
                $one['name'], $one['common_name'], $one['organization'], $one['expire'], $one['issuer'],
            ], $all),
        );
        return 0;
    }

    public static function import(Input $input, Output $output): int
    {
        $path = (string) $input->argument('path');
        if (!is_readable($path)) {
            $output->line('Certificate not found, please provide a path accessible by the web server user');
            return 1;
        }
        Server::certificates()->add((string) file_get_contents($path), basename($path));
        return 0;
    }

    public static function remove(Input $input, Output $output): int
    {
        Server::certificates()->remove((string) $input->argument('name'));
        return 0;
    }

    public static function attempts(Input $input, Output $output): int
    {
        $output->data(['bypass-listed' => false, 'attempts' => 0, 'delay' => 0], $input->option('output'));
        return 0;
    }

    public static function reset(Input $input, Output $output): int
    {
        return 0;
    }
}
