<?php
declare(strict_types=1);

namespace Standin;

/**
 * config.php and the *.config.php beside it.
 *
 * As upstream: the snippets are merged in natural order over config.php, a later one wins; NC_<key> in the environment
 * overrides and is a string; every write puts the merged values into config.php (mode 0640). Stricter than upstream: a
 * key that no Nextcloud knows is refused, so that a misspelt setting cannot pass unseen.
 */
final class Config
{
    /** @var array<string, mixed> */
    private array $values = [];
    private bool $readOnly;

    public function __construct(private string $folder)
    {
        $this->read();
        $this->readOnly = (bool) $this->get('config_is_read_only', false);
    }

    public function folder(): string
    {
        return $this->folder;
    }

    public function path(): string
    {
        return $this->folder . '/config.php';
    }

    public function get(string $key, mixed $default = null): mixed
    {
        $override = getenv("NC_$key");
        return $override !== false ? $override : ($this->values[$key] ?? $default);
    }

    public function text(string $key, string $default = ''): string
    {
        $value = $this->get($key, $default);
        return is_scalar($value) ? (string) $value : $default;
    }

    /** A cast as upstream's: the string "false" is true. */
    public function flag(string $key, bool $default = false): bool
    {
        return (bool) $this->get($key, $default);
    }

    /** @return array<int|string, mixed> */
    public function list(string $key): array
    {
        $value = $this->get($key, []);
        return is_array($value) ? $value : [];
    }

    public function installed(): bool
    {
        return $this->flag('installed');
    }

    /** @return list<string> */
    public function keys(): array
    {
        return array_keys($this->values);
    }

    /**
     * Sets (or, by null, deletes) keys and writes config.php when anything changed.
     *
     * @param array<string, mixed> $changes
     * @throws Refused for an unknown key, a read-only configuration or a folder that cannot be written
     */
    public function set(array $changes): void
    {
        $changed = false;
        foreach ($changes as $key => $value) {
            if ($value === null) {
                $changed = $changed || isset($this->values[$key]);
                unset($this->values[$key]);
                continue;
            }
            Settings::check($key, 'occ');
            $changed = $changed || !isset($this->values[$key]) || $this->values[$key] !== $value;
            $this->values[$key] = $value;
        }
        if ($changed) {
            $this->write();
        }
    }

    private function read(): void
    {
        $snippets = glob($this->folder . '/*.config.php') ?: [];
        natsort($snippets);
        foreach ([$this->path(), ...$snippets] as $file) {
            if (!is_file($file)) {
                continue;
            }
            if (!is_readable($file)) {
                if ($file === $this->path()) {
                    continue;
                }
                throw new Refused("FATAL: Could not open the config file $file");
            }
            $found = self::load($file);
            foreach (array_keys($found) as $key) {
                Settings::check((string) $key, basename($file));
            }
            $this->values = array_merge($this->values, $found);
        }
    }

    /** @return array<string, mixed> */
    private static function load(string $file): array
    {
        if (function_exists('opcache_invalidate')) {
            opcache_invalidate($file, true);
        }
        $CONFIG = [];
        $handle = fopen($file, 'r');
        flock($handle, LOCK_SH);
        try {
            ob_start();
            include $file;
            if (trim((string) ob_get_clean()) !== '') {
                throw new Refused('Config file has leading content, please remove everything before "<?php" in ' . basename($file));
            }
        } finally {
            flock($handle, LOCK_UN);
            fclose($handle);
        }
        return $CONFIG;
    }

    private function write(): void
    {
        if ($this->readOnly) {
            throw new Refused('Config is set to be read-only via option "config_is_read_only".');
        }
        if (!is_file($this->folder . '/CAN_INSTALL') && !isset($this->values['version'])) {
            throw new Refused('Configuration was not read or initialized correctly, not overwriting ' . $this->path());
        }
        $handle = @fopen($this->path(), 'c+');
        if ($handle === false) {
            throw new Refused("Can't write into config directory!");
        }
        chmod($this->path(), 0640);
        flock($handle, LOCK_EX);
        ftruncate($handle, 0);
        fwrite($handle, "<?php\n\$CONFIG = " . var_export($this->values, true) . ";\n");
        fflush($handle);
        flock($handle, LOCK_UN);
        fclose($handle);
    }
}
