<?php
declare(strict_types=1);

namespace Standin\Console\Commands;

use Standin\Console\Input;
use Standin\Console\Output;
use Standin\Refused;
use Standin\Server;

/** app:* — apps come from the disk alone; there is no app store behind this stand-in. */
final class Apps
{
    public static function list(Input $input, Output $output): int
    {
        $apps = Server::apps();
        $shipped = $input->option('shipped');
        $lists = ['enabled' => [], 'disabled' => []];
        foreach ($apps->all() as $id) {
            if ($shipped !== null && $apps->shipped($id) !== ($shipped === 'true')) {
                continue;
            }
            if ($apps->installedVersion($id) !== '' && $apps->enabled($id)) {
                $lists['enabled'][$id] = $apps->installedVersion($id);
            } else {
                $lists['disabled'][$id] = $apps->info($id)->version;
            }
        }
        foreach (['enabled' => 'disabled', 'disabled' => 'enabled'] as $only => $other) {
            if ($input->flag($only)) {
                unset($lists[$other]);
            }
        }
        if (in_array($input->option('output'), ['json', 'json_pretty'], true)) {
            $output->data(array_map(static fn (array $list): object|array => $list === [] ? [] : $list, $lists), $input->option('output'));
            return 0;
        }
        foreach ($lists as $name => $list) {
            $output->line(ucfirst($name) . ':');
            foreach ($list as $id => $version) {
                $output->line("  - $id: $version");
            }
        }
        return 0;
    }

    public static function enable(Input $input, Output $output): int
    {
        // As upstream: a group that does not exist is dropped silently, which enables the app for everyone.
        $groups = array_values(array_filter($input->options('groups'), Server::groups()->exists(...)));
        $code = 0;
        foreach ($input->arguments('app-id') as $id) {
            try {
                $here = Server::apps()->info($id) !== null && Server::apps()->installedVersion($id) !== '';
                if ($here && Server::apps()->enabled($id) && $groups === []) {
                    $output->line("$id already enabled");
                    continue;
                }
                $info = Server::apps()->enable($id, $groups, $input->flag('force'));
                $for = $groups === [] ? '' : ' for groups: ' . implode(', ', $groups);
                $output->line("$id $info->version enabled$for");
            } catch (Refused $failure) {
                $output->line($failure->getMessage());
                $code = 1;
            }
        }
        return $code;
    }

    public static function disable(Input $input, Output $output): int
    {
        $code = 0;
        foreach ($input->arguments('app-id') as $id) {
            $apps = Server::apps();
            if ($apps->alwaysEnabled($id)) {
                $output->line("$id can't be disabled.");
                $code = 2;
            } elseif ($apps->installedVersion($id) === '' || !$apps->enabled($id)) {
                $output->line("No such app enabled: $id");
            } else {
                $version = $apps->installedVersion($id);
                $apps->disable($id);
                $output->line("$id $version disabled");
            }
        }
        return $code;
    }

    public static function install(Input $input, Output $output): int
    {
        $id = (string) $input->argument('app-id');
        $info = Server::apps()->info($id);
        if ($info !== null && Server::apps()->installedVersion($id) !== '') {
            $output->line("$id already installed");
            return 1;
        }
        try {
            $info = Server::apps()->enable($id, [], $input->flag('force'));
        } catch (Refused $failure) {
            $output->line('Error: ' . $failure->getMessage());
            return 1;
        }
        $output->line("$id $info->version installed");
        if ($input->flag('keep-disabled')) {
            Server::apps()->disable($id);
        } else {
            $output->line("$id enabled");
        }
        return 0;
    }

    public static function remove(Input $input, Output $output): int
    {
        $id = (string) $input->argument('app-id');
        $path = Server::apps()->path($id);
        if ($path === null || !Server::apps()->enabled($id)) {
            $output->line("$id is not enabled");
            return 1;
        }
        if (Server::apps()->shipped($id)) {
            $output->line("$id could not be removed as it is a shipped app");
            return 1;
        }
        $version = Server::apps()->installedVersion($id);
        if (!$input->flag('keep-data')) {
            Server::appConfig()->deleteApp($id);
        }
        Server::apps()->disable($id);
        self::deleteTree($path);
        $output->line("$id disabled");
        $output->line("$id $version removed");
        return 0;
    }

    private static function deleteTree(string $path): void
    {
        foreach (new \FilesystemIterator($path) as $entry) {
            $entry->isDir() && !$entry->isLink() ? self::deleteTree((string) $entry) : unlink((string) $entry);
        }
        rmdir($path);
    }

    public static function update(Input $input, Output $output): int
    {
        $output->line('All apps are up-to-date or no updates could be found');
        return 0;
    }

    public static function path(Input $input, Output $output): int
    {
        $path = Server::apps()->path((string) $input->argument('app'));
        if ($path === null) {
            return 1;
        }
        $output->line($path);
        return 0;
    }
}
