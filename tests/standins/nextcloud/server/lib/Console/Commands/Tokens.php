<?php
declare(strict_types=1);

namespace Standin\Console\Commands;

use Standin\Console\Input;
use Standin\Console\Output;
use Standin\Console\UsageError;
use Standin\Refused;
use Standin\Server;
use Standin\User\Tokens as Store;

/** user:auth-tokens:* — app passwords. */
final class Tokens
{
    /** The login password, where given, is not verified (upstream verifies it from 35 on). */
    public static function add(Input $input, Output $output): int
    {
        $uid = (string) $input->argument('user');
        if (!Server::users()->exists($uid)) {
            $output->line('Account does not exist');
            return 1;
        }
        if ($input->flag('password-from-env')) {
            if ((getenv('NC_PASS') ?: getenv('OC_PASS')) === false) {
                $output->line('--password-from-env given, but NC_PASS is empty!');
                return 1;
            }
        } elseif ($input->interactive && $input->ask('Enter the account password: ') === null) {
            throw new UsageError('Aborted.');
        }
        $output->line('app password:');
        $output->line(Server::tokens()->addAppPassword($uid, 'cli'));
        return 0;
    }

    public static function list(Input $input, Output $output): int
    {
        $uid = (string) $input->argument('user');
        if (!Server::users()->exists($uid)) {
            $output->line('user not found');
            return 1;
        }
        $json = in_array($input->option('output'), ['json', 'json_pretty'], true);
        $rows = array_map(static fn (array $row): array => [
            'id' => (int) $row['id'],
            'name' => $row['name'],
            'lastActivity' => $json ? (int) $row['last_activity'] : date('c', (int) $row['last_activity']),
            'type' => $json ? (int) $row['type'] : ((int) $row['type'] === Store::PERMANENT ? 'permanent' : 'temporary'),
            'scope' => $json ? ['filesystem' => true] : 'filesystem',
        ], Server::tokens()->of($uid));
        if ($json) {
            $output->data($rows, $input->option('output'));
        } else {
            $output->table(['id', 'name', 'lastActivity', 'type', 'scope'], $rows);
        }
        return 0;
    }

    public static function delete(Input $input, Output $output): int
    {
        $uid = (string) $input->argument('uid');
        $id = $input->argument('id');
        $before = $input->option('last-used-before');
        if (($id === null) === ($before === null)) {
            throw new UsageError($id === null
                ? 'Not enough arguments. Specify the token <id> or use the --last-used-before option.'
                : 'Option --last-used-before cannot be used with [<id>]');
        }
        $found = false;
        foreach (Server::tokens()->of($uid) as $row) {
            if ((int) $row['id'] === (int) $id || ($before !== null && (int) $row['last_activity'] < (int) $before)) {
                Server::tokens()->delete((int) $row['id']);
                $found = true;
            }
        }
        if (!$found && $id !== null) {
            throw new Refused('token does not exist');
        }
        return 0;
    }
}
