<?php
declare(strict_types=1);

namespace Standin\App;

use OC;
use Standin\AppConfig;
use Standin\Config;
use Standin\Refused;
use Standin\Server;

/** Apps on disk (apps_paths) and in the database (enabled, installed_version). */
final class Manager
{
    /** @var array{always: list<string>, default: list<string>, off: list<string>} */
    private array $shipped;

    public function __construct(private Config $config, private AppConfig $settings)
    {
        $this->shipped = json_decode(
            (string) file_get_contents(OC::$SERVERROOT . '/core/shipped.json'),
            true,
            flags: JSON_THROW_ON_ERROR,
        );
    }

    public function shipped(string $id): bool
    {
        return in_array($id, array_merge(...array_values($this->shipped)), true);
    }

    public function alwaysEnabled(string $id): bool
    {
        return in_array($id, $this->shipped['always'], true);
    }

    /** The folders that hold apps. Without the image's apps.config.php there is only the shipped one. */
    private function folders(): array
    {
        $paths = array_column($this->config->list('apps_paths'), 'path');
        return $paths === [] ? [OC::$SERVERROOT . '/apps'] : $paths;
    }

    public function path(string $id): ?string
    {
        foreach ($this->folders() as $folder) {
            if (preg_match('/^[a-z0-9_]+$/', $id) === 1 && is_file("$folder/$id/appinfo/info.xml")) {
                return "$folder/$id";
            }
        }
        return null;
    }

    public function info(string $id): ?Info
    {
        $path = $this->path($id);
        return $path === null ? null : Info::fromFolder($path);
    }

    /** @return list<string> every app on disk, sorted */
    public function all(): array
    {
        $ids = [];
        foreach ($this->folders() as $folder) {
            foreach (glob("$folder/*/appinfo/info.xml") ?: [] as $file) {
                $ids[] = basename(dirname($file, 2));
            }
        }
        sort($ids);
        return array_values(array_unique($ids));
    }

    public function enabled(string $id): bool
    {
        return $this->alwaysEnabled($id) || !in_array($this->settings->get($id, 'enabled', 'no'), ['no', ''], true);
    }

    public function installedVersion(string $id): string
    {
        return $this->settings->get($id, 'installed_version');
    }

    /** @return list<string> enabled apps whose code is newer than what the database knows */
    public function needingUpgrade(): array
    {
        return array_values(array_filter($this->all(), function (string $id): bool {
            $known = $this->installedVersion($id);
            return $known !== '' && $this->enabled($id) && version_compare($this->info($id)->version, $known, '>');
        }));
    }

    /**
     * Enables an app that is on disk: records its version, runs its migrations.
     *
     * @param list<string> $groups only for these groups; empty for everyone
     * @throws Refused when it does not fit the server's major version
     */
    public function enable(string $id, array $groups = [], bool $force = false): Info
    {
        $info = $this->info($id);
        if ($info === null) {
            throw new Refused("Could not download app $id, it was not found on the appstore");
        }
        if (!$info->compatible(Server::version()->major())) {
            if (!$force) {
                throw new Refused("App \"$id\" cannot be installed because it is not compatible with this version of the server.");
            }
            $this->config->set(['app_install_overwrite' => [...$this->config->list('app_install_overwrite'), $id]]);
        }
        $this->migrate($info);
        $this->settings->set($id, 'enabled', $groups === [] ? 'yes' : (string) json_encode($groups), 'mixed');
        return $info;
    }

    public function disable(string $id): void
    {
        $this->settings->set($id, 'enabled', 'no', 'mixed');
    }

    /** Brings an app's tables and recorded version to what is on disk. */
    public function migrate(Info $info): void
    {
        $script = $info->path . '/appinfo/migrate.php';
        if (is_file($script)) {
            (static fn () => require $script)();
        }
        $this->settings->set($info->id, 'installed_version', $info->version, 'mixed');
        $this->settings->set($info->id, 'types', $info->types, 'mixed');
    }

    public function installShipped(): void
    {
        foreach (array_unique([...$this->shipped['default'], ...$this->shipped['always']]) as $id) {
            $this->enable($id);
        }
    }

    /**
     * Makes the classes of the enabled apps loadable and returns what each app brings (appinfo/app.php).
     *
     * @return array<string, array<string, mixed>> app id to its parts, such as "commands" and "routes"
     */
    public function load(): array
    {
        $parts = [];
        foreach ($this->all() as $id) {
            $file = $this->path($id) . '/appinfo/app.php';
            if ($this->installedVersion($id) !== '' && $this->enabled($id) && is_file($file)) {
                $parts[$id] = (static fn (): array => require $file)();
            }
        }
        return $parts;
    }
}
