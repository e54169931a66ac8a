<?php
declare(strict_types=1);

namespace Standin\Setup;

use OC;
use PDOException;
use Standin\Config;
use Standin\Db\Connection;
use Standin\Db\Schema;
use Standin\Refused;
use Standin\Server;

/** First installation, in upstream's order, so that an interruption leaves what upstream leaves. */
final class Installer
{
    public function __construct(private Config $config)
    {
    }

    /**
     * @param array<string, mixed> $options database-name, -host, -user, -pass, admin-user, admin-pass, admin-email,
     *     data-dir, disable-admin-user
     * @throws Refused with upstream's sentence
     */
    public function install(array $options): void
    {
        $data = (string) ($options['data-dir'] ?? OC::$SERVERROOT . '/data');
        if ((!is_dir($data) && !@mkdir($data)) || !is_writable($data)) {
            throw new Refused("Cannot create or write into the data directory $data");
        }
        $this->writeFirstConfiguration($data);
        $this->connect($options);
        (new Schema(Server::database()))->create();
        if (!$options['disable-admin-user']) {
            Server::users()->create((string) $options['admin-user'], (string) $options['admin-pass']);
        }
        $this->pause();
        $this->fill($options, $data);
        $this->config->set(['installed' => true]);
        @unlink($this->config->folder() . '/CAN_INSTALL');
        if (!$options['disable-admin-user']) {
            // Upstream logs the account in, which makes its folder: a later installation into an emptied database finds it.
            @mkdir("$data/{$options['admin-user']}/files", 0755, true);
        }
    }

    private function writeFirstConfiguration(string $data): void
    {
        $first = [
            'passwordsalt' => base64_encode(random_bytes(22)),
            'secret' => base64_encode(random_bytes(36)),
            'trusted_domains' => ['localhost'],
            'datadirectory' => $data,
            'dbtype' => 'pgsql',
            'version' => Server::version()->full(),
        ];
        if ($this->config->get('overwrite.cli.url') === null) {
            $first['overwrite.cli.url'] = 'http://localhost';
        }
        $this->config->set($first);
    }

    /** Like upstream, tries the database "postgres" first, and makes its own role where it may. */
    private function connect(array $options): void
    {
        $host = (string) $options['database-host'];
        [$user, $password] = [(string) $options['database-user'], (string) $options['database-pass']];
        $name = (string) $options['database-name'];
        $this->config->set(['dbname' => $name, 'dbhost' => $host, 'dbtableprefix' => 'oc_']);
        $ssl = $this->config->list('pgsql_ssl');
        try {
            $admin = new Connection($host, 'postgres', $user, $password, $ssl);
            $mayCreate = $admin->value('SELECT rolcreaterole FROM pg_roles WHERE rolname = ?', [$user]);
            if ($mayCreate && $this->config->get('setup_create_db_user', true)) {
                [$user, $password] = $this->createRole($admin, $name);
            }
        } catch (PDOException $failure) {
            Server::log()->write(2, 'core', 'Error trying to connect as "postgres", assuming database is setup and tables need to be created');
        }
        $this->config->set(['dbuser' => $user, 'dbpassword' => $password]);
        try {
            Server::database()->pdo();
        } catch (PDOException $failure) {
            throw new Refused('Error while trying to create admin account: An exception occurred in the driver: ' . $failure->getMessage());
        }
    }

    /** @return array{string, string} the role "oc_admin" (or oc_admin2 …) and its random password */
    private function createRole(Connection $admin, string $database): array
    {
        [$role, $number] = ['oc_admin', 1];
        while ($admin->value('SELECT 1 FROM pg_roles WHERE rolname = ?', [$role]) !== null) {
            $role = 'oc_admin' . ++$number;
        }
        $password = bin2hex(random_bytes(15));
        $admin->run("CREATE USER \"$role\" CREATEDB PASSWORD '$password'");
        $admin->run("GRANT ALL ON DATABASE \"$database\" TO \"$role\"");
        return [$role, $password];
    }

    /** Room for a test to kill the installation between the admin account and "installed". */
    private function pause(): void
    {
        $milliseconds = @file_get_contents('/usr/local/lib/standin/install-pause-ms');
        usleep(1000 * (int) ($milliseconds ?: 0));
    }

    private function fill(array $options, string $data): void
    {
        $settings = Server::appConfig();
        $settings->set('core', 'installedat', (string) microtime(true), 'mixed');
        $settings->set('core', 'lastupdatedat', (string) time(), 'integer');
        $settings->set('core', 'vendor', 'nextcloud', 'mixed');
        Server::groups()->create('admin');
        if (!$options['disable-admin-user']) {
            Server::groups()->add('admin', (string) $options['admin-user']);
            if ($options['admin-email'] !== null) {
                Server::preferences()->set((string) $options['admin-user'], 'settings', 'email', (string) $options['admin-email']);
            }
        }
        Server::apps()->installShipped();
        file_put_contents("$data/.ncdata", "# Nextcloud data directory\n# Do not change this file");
        $instance = 'oc';
        for ($i = 0; $i < 10; $i++) {
            $instance .= chr(random_int(ord('a'), ord('z')));
        }
        @mkdir("$data/appdata_$instance");
        $this->config->set(['instanceid' => $instance]);
    }
}
