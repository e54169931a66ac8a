<?php
declare(strict_types=1);

namespace Standin\Setup;

use Standin\Refused;
use Standin\Server;

/** occ upgrade: core first, then apps; apps that do not fit the new version are disabled. */
final class Upgrader
{
    /** @param callable(string): void $say */
    public function __construct(private $say)
    {
    }

    /** @throws Refused when the step is more than one major version; maintenance mode stays on then */
    public function run(): void
    {
        $config = Server::config();
        $was = $config->flag('maintenance');
        if (!$was) {
            $config->set(['maintenance' => true]);
            ($this->say)('Turned on maintenance mode');
        }
        $from = $config->text('version', '0');
        $to = Server::version();
        if ($to->major() > (int) $from + 1) {
            throw new Refused('Updates between multiple major versions and downgrades are unsupported.');
        }
        $this->pause();
        ($this->say)('Updating database schema');
        ($this->say)('Updated database');
        $this->apps();
        $config->set(['version' => $to->full()]);
        Server::appConfig()->set('core', 'lastupdatedat', (string) time(), 'integer');
        ($this->say)('Update successful');
        if ($was) {
            ($this->say)('Maintenance mode is kept active');
        } else {
            $config->set(['maintenance' => false]);
            ($this->say)('Turned off maintenance mode');
        }
    }

    private function apps(): void
    {
        $apps = Server::apps();
        foreach ($apps->all() as $id) {
            $info = $apps->info($id);
            if ($apps->installedVersion($id) === '' || !$apps->enabled($id)) {
                continue;
            }
            if (!$info->compatible(Server::version()->major())) {
                $apps->disable($id);
                ($this->say)("Disabled incompatible app: $id");
            } elseif ($info->version !== $apps->installedVersion($id)) {
                ($this->say)("Updating <$id> ...");
                $apps->migrate($info);
                ($this->say)("Updated <$id> to $info->version");
            }
        }
    }

    /** With the app store reachable in name only, upstream waits for it; and room for a test to kill the upgrade. */
    private function pause(): void
    {
        $milliseconds = @file_get_contents('/usr/local/lib/standin/upgrade-pause-ms');
        usleep(1000 * (int) ($milliseconds ?: 0));
    }
}
