<?php
declare(strict_types=1);

namespace Standin\Db;

use PDO;
use PDOStatement;
use Standin\Config;
use Standin\Refused;

/** PostgreSQL, connected when first used, with the connection text that upstream's library builds. */
final class Connection
{
    private ?PDO $pdo = null;

    /** @param array<string, mixed> $ssl the setting pgsql_ssl */
    public function __construct(
        private string $host,
        private string $name,
        private string $user,
        private string $password,
        private array $ssl,
        public readonly string $prefix = 'oc_',
    ) {
    }

    public static function fromConfig(Config $config): self
    {
        if ($config->text('dbtype') !== 'pgsql') {
            throw new Refused('nextcloud stand-in: dbtype is "' . $config->text('dbtype') . '", but only pgsql is played');
        }
        return new self(
            $config->text('dbhost'),
            $config->text('dbname'),
            $config->text('dbuser'),
            $config->text('dbpassword'),
            $config->list('pgsql_ssl'),
            $config->text('dbtableprefix', 'oc_'),
        );
    }

    public function pdo(): PDO
    {
        if ($this->pdo === null) {
            $this->pdo = new PDO($this->dsn(), $this->user, $this->password, [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION]);
            $this->pdo->setAttribute(PDO::ATTR_DEFAULT_FETCH_MODE, PDO::FETCH_ASSOC);
        }
        return $this->pdo;
    }

    /** @param list<mixed> $values */
    public function run(string $sql, array $values = []): PDOStatement
    {
        $statement = $this->pdo()->prepare(str_replace('{', $this->prefix, str_replace('}', '', $sql)));
        foreach ($values as $index => $value) {
            $type = is_bool($value) ? PDO::PARAM_BOOL : (is_int($value) ? PDO::PARAM_INT : PDO::PARAM_STR);
            $statement->bindValue($index + 1, $value, $value === null ? PDO::PARAM_NULL : $type);
        }
        $statement->execute();
        return $statement;
    }

    /**
     * @param list<mixed> $values
     * @return array<string, mixed>|null
     */
    public function row(string $sql, array $values = []): ?array
    {
        return $this->run($sql, $values)->fetch() ?: null;
    }

    /**
     * @param list<mixed> $values
     * @return list<array<string, mixed>>
     */
    public function rows(string $sql, array $values = []): array
    {
        return $this->run($sql, $values)->fetchAll();
    }

    /** @param list<mixed> $values */
    public function value(string $sql, array $values = []): mixed
    {
        $value = $this->run($sql, $values)->fetchColumn();
        return $value === false ? null : $value;
    }

    /** "host:port" is one setting; there is no dbport. Empty TLS files are passed on empty, as upstream does. */
    private function dsn(): string
    {
        $parts = preg_match('/^(.*):([^\]:]+)$/', $this->host, $found) === 1
            ? ['host' => $found[1], 'port' => $found[2]]
            : ['host' => $this->host];
        $parts['dbname'] = $this->name;
        if ($this->ssl !== []) {
            foreach (['mode', 'rootcert', 'cert', 'key', 'crl'] as $key) {
                $parts["ssl$key"] = (string) ($this->ssl[$key] ?? '');
            }
        }
        $text = 'pgsql:';
        foreach ($parts as $key => $value) {
            $text .= "$key=$value;";
        }
        return $text;
    }
}
