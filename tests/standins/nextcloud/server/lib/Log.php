<?php
declare(strict_types=1);

namespace Standin;

/** One JSON line per entry, to the file or (log_type errorlog) to PHP's error log, which the container shows. */
final class Log
{
    public const DEBUG = 0;
    public const INFO = 1;
    public const WARNING = 2;
    public const ERROR = 3;

    public function __construct(private Config $config)
    {
    }

    public function write(int $level, string $app, string $message): void
    {
        if ($level < (int) $this->config->get('loglevel', self::WARNING)) {
            return;
        }
        $line = json_encode([
            'level' => $level,
            'time' => date('c'),
            'remoteAddr' => $_SERVER['REMOTE_ADDR'] ?? '',
            'app' => $app,
            'method' => $_SERVER['REQUEST_METHOD'] ?? '',
            'url' => strtok($_SERVER['REQUEST_URI'] ?? '--', '?'),
            'message' => $message,
            'version' => $this->config->text('version'),
        ], JSON_UNESCAPED_SLASHES);
        if ($this->config->text('log_type', 'file') === 'errorlog') {
            error_log("[nextcloud][$app][$level] $line");
            return;
        }
        $file = $this->config->text('logfile', Server::dataDirectory() . '/nextcloud.log');
        if (@file_put_contents($file, "$line\n", FILE_APPEND | LOCK_EX) === false) {
            error_log("[nextcloud][$app][$level] $line");
        }
    }
}
