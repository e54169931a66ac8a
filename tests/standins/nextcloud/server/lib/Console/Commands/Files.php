<?php
declare(strict_types=1);

namespace Standin\Console\Commands;

use Standin\Console\Input;
use Standin\Console\Output;
use Standin\Dav\Storage;
use Standin\Server;

/** files:* — the file index. */
final class Files
{
    public static function scan(Input $input, Output $output): int
    {
        $uids = $input->flag('all') ? array_map(strval(...), array_keys(Server::users()->all())) : $input->arguments('user_id');
        [$folders, $files, $new] = [0, 0, 0];
        foreach ($uids as $index => $uid) {
            $output->line('Starting scan for user ' . ($index + 1) . ' out of ' . count($uids) . " ($uid)");
            [$seenFolders, $seenFiles, $added] = (new Storage($uid))->scan();
            [$folders, $files, $new] = [$folders + $seenFolders, $files + $seenFiles, $new + $added];
        }
        $output->table(
            ['Folders', 'Files', 'New', 'Updated', 'Removed', 'Errors', 'Elapsed time'],
            [[$folders, $files, $new, 0, 0, 0, '00:00:00']],
        );
        return 0;
    }

    public static function nothing(Input $input, Output $output): int
    {
        return 0;
    }
}
