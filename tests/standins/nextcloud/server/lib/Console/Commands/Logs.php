<?php
declare(strict_types=1);

namespace Standin\Console\Commands;

use Standin\Console\Input;
use Standin\Console\Output;
use Standin\Console\UsageError;
use Standin\Server;

/** log:* — where the log goes and how much. */
final class Logs
{
    private const LEVELS = ['Debug', 'Info', 'Warning', 'Error', 'Fatal'];

    public static function file(Input $input, Output $output): int
    {
        $changes = $input->flag('enable') ? ['log_type' => 'file'] : [];
        if ($input->option('file') !== null) {
            $changes['logfile'] = $input->option('file');
        }
        if ($input->option('rotate-size') !== null) {
            $changes['log_rotate_size'] = self::bytes((string) $input->option('rotate-size'));
        }
        Server::config()->set($changes);
        $config = Server::config();
        $output->line('Log backend file: ' . ($config->text('log_type', 'file') === 'file' ? 'enabled' : 'disabled'));
        $output->line('Log file: ' . $config->text('logfile', Server::dataDirectory() . '/nextcloud.log'));
        $output->line('Rotate at: ' . intdiv((int) $config->get('log_rotate_size', 104857600), 1048576) . ' MB');
        return 0;
    }

    private static function bytes(string $text): int
    {
        if (preg_match('/^(\d+)\s*([kmg]?)b?$/i', $text, $found) !== 1) {
            throw new UsageError('Error parsing log rotation file size');
        }
        return (int) $found[1] * ['' => 1, 'k' => 1024, 'm' => 1048576, 'g' => 1073741824][strtolower($found[2])];
    }

    public static function manage(Input $input, Output $output): int
    {
        $changes = [];
        $backend = $input->option('backend');
        if ($backend !== null) {
            if (!in_array($backend, ['file', 'syslog', 'errorlog', 'systemd'], true)) {
                throw new UsageError('Invalid backend');
            }
            $changes['log_type'] = $backend;
        }
        $level = $input->option('level');
        if ($level !== null) {
            $number = ctype_digit($level) ? (int) $level : array_search(ucfirst(strtolower($level)), self::LEVELS, true);
            if ($number === false || !isset(self::LEVELS[$number])) {
                throw new UsageError('Invalid log level string');
            }
            $changes['loglevel'] = ctype_digit($level) ? $level : $number;
        }
        if ($input->option('timezone') !== null) {
            $changes['logtimezone'] = (new \DateTimeZone((string) $input->option('timezone')))->getName();
        }
        Server::config()->set($changes);
        $number = (int) Server::config()->get('loglevel', 2);
        $output->line('Enabled logging backend: ' . Server::config()->text('log_type', 'file'));
        $output->line('Log level: ' . self::LEVELS[$number] . " ($number)");
        $output->line('Log timezone: ' . Server::config()->text('logtimezone', 'UTC'));
        return 0;
    }
}
