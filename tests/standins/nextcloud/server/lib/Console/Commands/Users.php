<?php
declare(strict_types=1);

namespace Standin\Console\Commands;

use Standin\Console\Input;
use Standin\Console\Output;
use Standin\Console\UsageError;
use Standin\Refused;
use Standin\Server;

/** user:* — accounts. */
final class Users
{
    public static function add(Input $input, Output $output): int
    {
        $uid = (string) $input->argument('uid');
        if (Server::users()->exists($uid)) {
            $output->line("The account \"$uid\" already exists.");
            return 1;
        }
        if ($input->flag('generate-password')) {
            $password = bin2hex(random_bytes(10));
        } else {
            $password = self::password($input, $output, 'Enter password: ');
            if ($password === null) {
                return 1;
            }
        }
        try {
            Server::users()->create($uid, $password);
        } catch (Refused $failure) {
            $output->line($failure->getMessage());
            return 1;
        }
        $output->line("The account \"$uid\" was created successfully");
        self::describe($input, $output, $uid);
        return 0;
    }

    private static function describe(Input $input, Output $output, string $uid): void
    {
        if ($input->option('display-name') !== null) {
            Server::users()->setDisplayName($uid, (string) $input->option('display-name'));
            $output->line('Display name set to "' . $input->option('display-name') . '"');
        }
        foreach ($input->options('group') as $group) {
            if (!Server::groups()->exists($group)) {
                Server::groups()->create($group);
                $output->line("Created group \"$group\"");
            }
            Server::groups()->add($group, $uid);
            $output->line("Account \"$uid\" added to group \"$group\"");
        }
        if ($input->option('email') !== null) {
            Server::preferences()->set($uid, 'settings', 'email', (string) $input->option('email'));
        }
    }

    /** From OC_PASS or NC_PASS with --password-from-env, else asked for. Null after a message. */
    private static function password(Input $input, Output $output, string $question): ?string
    {
        if ($input->flag('password-from-env')) {
            $password = getenv('NC_PASS') ?: getenv('OC_PASS');
            if ($password === false || $password === '') {
                $output->line('--password-from-env given, but NC_PASS/OC_PASS is empty!');
                return null;
            }
            return $password;
        }
        if (!$input->interactive) {
            $output->line('Interactive input or --password-from-env is needed for entering a password!');
            return null;
        }
        return $input->ask($question) ?? throw new UsageError('Aborted.');
    }

    public static function resetPassword(Input $input, Output $output): int
    {
        $uid = (string) $input->argument('user');
        if (!Server::users()->exists($uid)) {
            $output->line('User does not exist');
            return 1;
        }
        $password = self::password($input, $output, 'Enter a new password: ');
        if ($password === null) {
            return 1;
        }
        if (Server::users()->backend($uid) !== 'Database') {
            $output->line('Error while resetting password!');
            return 1;
        }
        try {
            Server::users()->setPassword($uid, $password);
        } catch (Refused $failure) {
            $output->line($failure->getMessage());
            return 1;
        }
        $output->line("Successfully reset password for $uid");
        return 0;
    }

    public static function enable(Input $input, Output $output): int
    {
        return self::switch($input, $output, true);
    }

    public static function disable(Input $input, Output $output): int
    {
        return self::switch($input, $output, false);
    }

    private static function switch(Input $input, Output $output, bool $on): int
    {
        $uid = (string) $input->argument('uid');
        if (!Server::users()->exists($uid)) {
            $output->line('User does not exist');
            return 1;
        }
        Server::preferences()->set($uid, 'core', 'enabled', $on ? 'true' : 'false');
        $output->line('The specified user is ' . ($on ? 'enabled' : 'disabled'));
        return 0;
    }

    /** Exit 0 even for somebody who does not exist. */
    public static function delete(Input $input, Output $output): int
    {
        $uid = (string) $input->argument('uid');
        if (!Server::users()->exists($uid)) {
            $output->line('User does not exist');
            return 0;
        }
        Server::users()->delete($uid);
        $output->line('The specified user was deleted');
        return 0;
    }

    public static function info(Input $input, Output $output): int
    {
        $uid = (string) $input->argument('user');
        if (!Server::users()->exists($uid)) {
            $output->line('user not found');
            return 1;
        }
        $output->data(self::details($uid), $input->option('output'));
        return 0;
    }

    /** @return array<string, mixed> */
    private static function details(string $uid): array
    {
        $last = (int) Server::preferences()->get($uid, 'login', 'lastLogin', '0');
        return [
            'user_id' => $uid,
            'display_name' => Server::users()->displayName($uid),
            'email' => Server::preferences()->get($uid, 'settings', 'email'),
            'cloud_id' => "$uid@" . preg_replace('#^https://#', '', Server::config()->text('overwrite.cli.url')),
            'enabled' => Server::users()->enabled($uid),
            'groups' => Server::groups()->of($uid),
            'quota' => Server::preferences()->get($uid, 'files', 'quota', 'none'),
            'last_seen' => $last === 0 ? 'never' : date('c', $last),
            'user_directory' => Server::dataDirectory() . "/$uid",
            'backend' => Server::users()->backend($uid),
        ];
    }

    public static function list(Input $input, Output $output): int
    {
        $all = Server::users()->all();
        if ($input->flag('disabled')) {
            $all = array_filter($all, static fn (string $uid): bool => !Server::users()->enabled($uid), ARRAY_FILTER_USE_KEY);
        }
        $all = array_slice($all, (int) $input->option('offset', '0'), (int) $input->option('limit', '500'), true);
        if ($input->flag('info')) {
            foreach (array_keys($all) as $uid) {
                $all[$uid] = self::details((string) $uid);
            }
        }
        $output->data($all, $input->option('output'));
        return 0;
    }

    public static function lastSeen(Input $input, Output $output): int
    {
        $uid = $input->argument('uid');
        $uids = $input->flag('all') ? array_keys(Server::users()->all()) : [(string) $uid];
        foreach ($uids as $one) {
            if (!Server::users()->exists((string) $one)) {
                $output->line('User does not exist');
                return 1;
            }
            $last = (int) Server::preferences()->get((string) $one, 'login', 'lastLogin', '0');
            $output->line($last === 0 ? "$one has never logged in." : "$one`s last login: " . date('d.m.Y H:i', $last));
        }
        return 0;
    }

    public static function report(Input $input, Output $output): int
    {
        $backends = array_count_values(array_map(
            static fn (int|string $uid): string => (string) Server::users()->backend((string) $uid),
            array_keys(Server::users()->all()),
        ));
        $rows = array_map(static fn (string $name, int $count): array => [$name, $count], array_keys($backends), $backends);
        $output->table(['Account Report', ''], [...$rows, ['total users', array_sum($backends)]]);
        return 0;
    }

    public static function setting(Input $input, Output $output): int
    {
        $uid = (string) $input->argument('uid');
        if (!$input->flag('ignore-missing-user') && !Server::users()->exists($uid)) {
            $output->line("The user \"$uid\" does not exist.");
            return 1;
        }
        [$app, $key, $value] = [$input->argument('app'), $input->argument('key'), $input->argument('value')];
        if ($app === null || $key === null) {
            $all = Server::preferences()->all($uid);
            $output->data($app === null ? $all : [$app => $all[$app] ?? []], $input->option('output'));
            return 0;
        }
        if ($value !== null) {
            Server::preferences()->set($uid, $app, $key, $value);
            return 0;
        }
        if ($input->flag('delete')) {
            Server::preferences()->delete($uid, $app, $key);
            return 0;
        }
        $found = Server::preferences()->get($uid, $app, $key, $input->option('default-value') ?? "\0");
        if ($found === "\0") {
            $output->line("The setting does not exist for user \"$uid\".");
            return 1;
        }
        $output->line($found);
        return 0;
    }
}
