<?php
declare(strict_types=1);

namespace Standin\Console\Commands;

use Standin\Console\Input;
use Standin\Console\Output;
use Standin\Db\Schema;
use Standin\Server;

/** Care for the database and the cache. */
final class Database
{
    public static function indices(Input $input, Output $output): int
    {
        $schema = new Schema(Server::database());
        foreach ($schema->missingIndices() as $name => [$table, $columns]) {
            $full = Server::database()->prefix . $table;
            $output->line("Adding additional $name index to the $full table, this can take some time...");
            if ($input->flag('dry-run')) {
                $output->line("CREATE INDEX $name ON $full ($columns);");
            } else {
                $schema->addIndex($name);
            }
            $output->line("$full table updated successfully.");
        }
        return 0;
    }

    public static function nothingMissing(Input $input, Output $output): int
    {
        $output->line('Done.');
        return 0;
    }

    public static function bigint(Input $input, Output $output): int
    {
        $output->line('All tables already up to date!');
        return 0;
    }

    public static function clearCache(Input $input, Output $output): int
    {
        Server::redis()->clear();
        $output->line('Distributed cache cleared');
        return 0;
    }
}
