<?php
declare(strict_types=1);

namespace Standin\Console\Commands;

use OC;
use Standin\Console\Input;
use Standin\Console\Output;
use Standin\Console\Registry;
use Standin\Server;
use Standin\Setup\Checks;

/** Commands that tell how the instance is. */
final class State
{
    public static function status(Input $input, Output $output): int
    {
        $status = Server::version()->status();
        if ($input->flag('exit-code')) {
            return $status['maintenance'] ? 1 : ($status['needsDbUpgrade'] ? 2 : 0);
        }
        $output->data($status, $input->option('output'));
        return 0;
    }

    public static function check(Input $input, Output $output): int
    {
        return 0;
    }

    public static function list(Input $input, Output $output): int
    {
        $output->line("\nAvailable commands:");
        foreach (array_keys(Registry::core()) as $name) {
            $output->line("  $name");
        }
        return 0;
    }

    public static function help(Input $input, Output $output): int
    {
        return self::list($input, $output);
    }

    /** Compares the code on the volume with the image's, where upstream compares with its signature. */
    public static function integrity(Input $input, Output $output): int
    {
        $differences = [];
        foreach (self::files('/usr/src/nextcloud') as $path => $hash) {
            $file = OC::$SERVERROOT . "/$path";
            if (!is_file($file)) {
                $differences['FILE_MISSING'][$path] = ['expected' => $hash, 'current' => ''];
            } elseif (hash_file('sha512', $file) !== $hash) {
                $differences['INVALID_HASH'][$path] = ['expected' => $hash, 'current' => hash_file('sha512', $file)];
            }
        }
        if ($differences === []) {
            $output->line('No errors have been found.');
            return 0;
        }
        $output->data($differences, $input->option('output'));
        return 1;
    }

    /** @return array<string, string> path to SHA-512, without what an operator owns */
    private static function files(string $root): array
    {
        $hashes = [];
        $all = new \RecursiveIteratorIterator(new \RecursiveDirectoryIterator($root, \FilesystemIterator::SKIP_DOTS));
        foreach ($all as $file) {
            $path = substr((string) $file, strlen($root) + 1);
            if (preg_match('#^(data|themes|config|custom_apps)/#', $path) !== 1) {
                $hashes[$path] = (string) hash_file('sha512', (string) $file);
            }
        }
        return $hashes;
    }

    /** Ends with 1 always: two of the checks cannot be more than "info" on a command line. */
    public static function setupChecks(Input $input, Output $output): int
    {
        $results = Checks::run();
        if (in_array($input->option('output'), ['json', 'json_pretty'], true)) {
            $output->data($results, $input->option('output'));
            return 1;
        }
        $marks = ['success' => '✓', 'info' => 'ℹ', 'warning' => '⚠', 'error' => '✗'];
        foreach ($results as $category => $checks) {
            $output->line("\t$category:");
            foreach ($checks as $check) {
                $output->line("\t\t{$marks[$check['severity']]} {$check['name']}: {$check['description']}");
            }
        }
        return 1;
    }
}
