<?php
declare(strict_types=1);

namespace Standin\Console\Commands;

use Standin\Console\Input;
use Standin\Console\Output;
use Standin\Server;

/** group:* */
final class Groups
{
    public static function add(Input $input, Output $output): int
    {
        $gid = (string) $input->argument('groupid');
        if (Server::groups()->exists($gid)) {
            $output->line("Group \"$gid\" already exists.");
            return 1;
        }
        Server::groups()->create($gid, $input->option('display-name'));
        $output->line("Created group \"$gid\"");
        return 0;
    }

    public static function delete(Input $input, Output $output): int
    {
        $gid = (string) $input->argument('groupid');
        if ($gid === 'admin') {
            $output->line('Group "admin" could not be deleted.');
            return 1;
        }
        if (!Server::groups()->exists($gid)) {
            $output->line("Group \"$gid\" does not exist.");
            return 1;
        }
        Server::groups()->delete($gid);
        $output->line("Group \"$gid\" was removed");
        return 0;
    }

    public static function addUser(Input $input, Output $output): int
    {
        return self::change($input, $output, Server::groups()->add(...));
    }

    public static function removeUser(Input $input, Output $output): int
    {
        return self::change($input, $output, Server::groups()->remove(...));
    }

    /** @param callable(string, string): void $change */
    private static function change(Input $input, Output $output, callable $change): int
    {
        [$gid, $uid] = [(string) $input->argument('group'), (string) $input->argument('user')];
        if (!Server::groups()->exists($gid)) {
            $output->line('group not found');
            return 1;
        }
        if (!Server::users()->exists($uid)) {
            $output->line('user not found');
            return 1;
        }
        $change($gid, $uid);
        return 0;
    }

    public static function list(Input $input, Output $output): int
    {
        $search = (string) $input->argument('searchstring');
        $result = [];
        foreach (Server::groups()->all() as $gid => $name) {
            if ($search === '' || str_contains((string) $gid, $search)) {
                $members = Server::groups()->members((string) $gid);
                $result[$gid] = $input->flag('info') ? ['displayName' => $name, 'backends' => ['Database'], 'users' => $members] : $members;
            }
        }
        $page = array_slice($result, (int) $input->option('offset', '0'), (int) $input->option('limit', '500'), true);
        $output->data($page, $input->option('output'));
        return 0;
    }

    public static function info(Input $input, Output $output): int
    {
        $gid = (string) $input->argument('groupid');
        if (!Server::groups()->exists($gid)) {
            $output->line("Group \"$gid\" does not exist.");
            return 1;
        }
        $name = Server::groups()->all()[$gid];
        $output->data(['groupID' => $gid, 'displayName' => $name, 'backends' => ['Database']], $input->option('output'));
        return 0;
    }
}
