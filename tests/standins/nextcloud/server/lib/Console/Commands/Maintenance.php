<?php
declare(strict_types=1);

namespace Standin\Console\Commands;

use Standin\Console\Input;
use Standin\Console\Output;
use Standin\Console\UsageError;
use Standin\Refused;
use Standin\Server;
use Standin\Setup\Installer;
use Standin\Setup\Upgrader;

/** Installation, upgrade, maintenance mode and repair. */
final class Maintenance
{
    /** Passwords that are not on the command line are asked for: the database's first, then the admin's. */
    public static function install(Input $input, Output $output): int
    {
        if ($input->option('database', 'sqlite') !== 'pgsql') {
            throw new UsageError('nextcloud stand-in: only --database pgsql is played');
        }
        foreach (['database-user' => 'Database account not provided.', 'database-name' => 'Database name not provided.'] as $name => $message) {
            if ($input->option($name) === null) {
                throw new UsageError($message);
            }
        }
        $host = $input->option('database-host', 'localhost');
        $port = $input->option('database-port');
        $admin = $input->option('admin-user', 'admin');
        $options = [
            'database-name' => $input->option('database-name'),
            'database-host' => $port === null ? $host : "$host:$port",
            'database-user' => $input->option('database-user'),
            'database-pass' => $input->option('database-pass') ?? $input->ask(
                'What is the password to access the database with user <' . $input->option('database-user') . '>?',
            ),
            'admin-user' => $admin,
            'admin-pass' => $input->option('admin-pass'),
            'admin-email' => $input->option('admin-email'),
            'data-dir' => $input->option('data-dir'),
            'disable-admin-user' => $input->flag('disable-admin-user'),
        ];
        if (!$options['disable-admin-user']) {
            $options['admin-pass'] ??= $input->ask("What is the password you like to use for the admin account <$admin>?");
            if (($options['admin-pass'] ?? '') === '') {
                $output->line('Set an admin password.');
                return 1;
            }
        }
        try {
            (new Installer(Server::config()))->install($options);
        } catch (Refused $failure) {
            $output->line($failure->getMessage());
            return 1;
        }
        $output->line('Nextcloud was successfully installed');
        return 0;
    }

    public static function mode(Input $input, Output $output): int
    {
        $config = Server::config();
        $on = $config->flag('maintenance');
        if ($input->flag('on')) {
            $config->set(['maintenance' => true]);
            $output->line($on ? 'Maintenance mode already enabled' : 'Maintenance mode enabled');
        } elseif ($input->flag('off')) {
            $config->set(['maintenance' => false]);
            $output->line($on ? 'Maintenance mode disabled' : 'Maintenance mode already disabled');
        } else {
            $output->line('Maintenance mode is currently ' . ($on ? 'enabled' : 'disabled'));
        }
        return 0;
    }

    public static function upgrade(Input $input, Output $output): int
    {
        if (!Server::config()->installed()) {
            return 1;
        }
        if (Server::version()->needsUpgrade()) {
            if (Server::config()->flag('config_is_read_only')) {
                throw new Refused('Config is set to be read-only via option "config_is_read_only".');
            }
            try {
                (new Upgrader($output->line(...)))->run();
            } catch (Refused $failure) {
                $output->line('Exception: ' . $failure->getMessage());
                $output->line('Update failed');
                return 5;
            }
            return 0;
        }
        if (Server::config()->flag('maintenance')) {
            $output->line('Nextcloud is in maintenance mode');
            $output->line('Maybe an upgrade is already in process. Please check the logfile (data/nextcloud.log).');
            return 2;
        }
        $output->line('No upgrade required.');
        return 0;
    }

    public static function repair(Input $input, Output $output): int
    {
        $output->line(' - Repair MySQL collation');
        $output->line('     - Not a mysql database -> nothing to do');
        if ($input->flag('include-expensive')) {
            $output->line(' - Repair mime types');
            Server::appConfig()->set('files', 'mimetype_version', Server::version()->full(), 'string');
        }
        return 0;
    }

    public static function fingerprint(Input $input, Output $output): int
    {
        $value = md5((string) microtime());
        Server::config()->set(['data-fingerprint' => $value]);
        $output->line("Updated data-fingerprint to $value");
        return 0;
    }

    public static function htaccess(Input $input, Output $output): int
    {
        $output->line('.htaccess has been updated');
        return 0;
    }

    public static function themeUpdate(Input $input, Output $output): int
    {
        $output->line("mimetypelist.js is updated\nImage cache cleared");
        return 0;
    }

    public static function nothing(Input $input, Output $output): int
    {
        return 0;
    }
}
