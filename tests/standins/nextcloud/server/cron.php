<?php
/** Runs the background jobs once. Does nothing, with exit 0, in maintenance mode or while an upgrade is due. */
declare(strict_types=1);

require_once __DIR__ . '/lib/base.php';

use Standin\Server;

if (is_file(__DIR__ . '/config/config.php') && !is_readable(__DIR__ . '/config/config.php')) {
    echo "Cannot write into \"config\" directory!\n";
    exit(0);
}

try {
    $config = Server::config();
    if (!$config->installed() || Server::version()->needsUpgrade() || $config->flag('maintenance')) {
        exit(0);
    }
    $settings = Server::appConfig();
    $mode = $settings->get('core', 'backgroundjobs_mode', 'ajax');
    if (PHP_SAPI !== 'cli') {
        header('Content-Type: application/json');
        echo json_encode($mode === 'cron'
            ? ['data' => ['message' => 'Backgroundjobs are using system cron!'], 'status' => 'error']
            : ['status' => 'success']);
        exit;
    }
    if ($mode === 'none') {
        echo "Background Jobs are disabled!\n";
        exit(1);
    }
    $owner = (int) fileowner($config->path());
    if (posix_getuid() !== $owner) {
        echo "Console has to be executed with the user that owns the file config/config.php\n";
        echo 'Current user id: ' . posix_getuid() . "\nOwner id of config.php: $owner\n";
        exit(1);
    }
    if ($mode !== 'cron') {
        $settings->set('core', 'backgroundjobs_mode', 'cron', $settings->type('core', 'backgroundjobs_mode') ?? 'string');
    }
    Server::database()->run('UPDATE {jobs} SET last_run = ?', [time()]);
    $settings->set('core', 'lastcron', (string) time(), 'integer');
} catch (Throwable $failure) {
    echo get_class($failure) . ': ' . $failure->getMessage() . "\n";
    exit(1);
}
