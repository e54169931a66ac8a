<?php
declare(strict_types=1);

namespace Standin\Console\Commands;

use Standin\Console\Input;
use Standin\Console\Output;
use Standin\Refused;
use Standin\Server;

/** Background jobs. */
final class Jobs
{
    public static function mode(Input $input, Output $output): int
    {
        Server::appConfig()->set('core', 'backgroundjobs_mode', 'cron', Server::appConfig()->type('core', 'backgroundjobs_mode') ?? 'string');
        $output->line("Set mode for background jobs to 'cron'");
        return 0;
    }

    public static function list(Input $input, Output $output): int
    {
        $rows = Server::database()->rows('SELECT id, class, last_run, argument FROM {jobs} ORDER BY id LIMIT ? OFFSET ?', [
            (int) $input->option('limit', '500'),
            (int) $input->option('offset', '0'),
        ]);
        $class = $input->option('class');
        $rows = array_values(array_filter($rows, static fn (array $row): bool => $class === null || $row['class'] === $class));
        $rows = array_map(static fn (array $row): array => [
            'id' => (int) $row['id'],
            'class' => $row['class'],
            'last_run' => date('c', (int) $row['last_run']),
            'argument' => $row['argument'],
        ], $rows);
        if (in_array($input->option('output'), ['json', 'json_pretty'], true)) {
            $output->data($rows, $input->option('output'));
        } else {
            $output->table(['id', 'class', 'last_run', 'argument'], $rows);
        }
        return 0;
    }

    public static function execute(Input $input, Output $output): int
    {
        $id = (int) $input->argument('job-id');
        $job = Server::database()->row('UPDATE {jobs} SET last_run = ? WHERE id = ? RETURNING class', [time(), $id]);
        if ($job === null) {
            throw new Refused("Job with ID $id could not be found in the database");
        }
        $output->line("Job class:            {$job['class']}\n\nJob executed!");
        return 0;
    }
}
