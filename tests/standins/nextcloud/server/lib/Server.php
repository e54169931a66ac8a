<?php
declare(strict_types=1);

namespace Standin;

use OC;

/** The parts of one process (one request, one occ call), made when first asked for. */
final class Server
{
    /** @var array<string, object> */
    private static array $parts = [];

    public static function config(): Config
    {
        return self::part(Config::class, static fn () => new Config(OC::$SERVERROOT . '/config'));
    }

    public static function version(): Version
    {
        return self::part(Version::class, static fn () => Version::fromFile(OC::$SERVERROOT . '/version.php'));
    }

    public static function database(): Db\Connection
    {
        return self::part(Db\Connection::class, static fn () => Db\Connection::fromConfig(self::config()));
    }

    public static function appConfig(): AppConfig
    {
        return self::part(AppConfig::class, static fn () => new AppConfig(self::database(), self::crypto()));
    }

    public static function apps(): App\Manager
    {
        return self::part(App\Manager::class, static fn () => new App\Manager(self::config(), self::appConfig()));
    }

    public static function users(): User\Users
    {
        return self::part(User\Users::class, static fn () => new User\Users(self::database()));
    }

    public static function groups(): User\Groups
    {
        return self::part(User\Groups::class, static fn () => new User\Groups(self::database()));
    }

    public static function preferences(): User\Preferences
    {
        return self::part(User\Preferences::class, static fn () => new User\Preferences(self::database()));
    }

    public static function tokens(): User\Tokens
    {
        return self::part(User\Tokens::class, static fn () => new User\Tokens(self::database(), self::config()));
    }

    public static function crypto(): Security\Crypto
    {
        return self::part(Security\Crypto::class, static fn () => new Security\Crypto(
            (string) self::config()->get('secret', ''),
        ));
    }

    public static function certificates(): Security\Certificates
    {
        return self::part(Security\Certificates::class, static fn () => new Security\Certificates(
            self::dataDirectory() . '/files_external',
            OC::$SERVERROOT . '/resources/config/ca-bundle.crt',
        ));
    }

    public static function http(): Http\Client
    {
        return self::part(Http\Client::class, static fn () => new Http\Client(self::config(), self::certificates()));
    }

    public static function redis(): Cache\Redis
    {
        return self::part(Cache\Redis::class, static fn () => new Cache\Redis(self::config()));
    }

    public static function log(): Log
    {
        return self::part(Log::class, static fn () => new Log(self::config()));
    }

    public static function dataDirectory(): string
    {
        return (string) self::config()->get('datadirectory', OC::$SERVERROOT . '/data');
    }

    /** Forgets what was made; the installer does so after it wrote the first configuration. */
    public static function reset(): void
    {
        self::$parts = [];
    }

    /**
     * @template T of object
     * @param class-string<T> $class
     * @param callable(): T $make
     * @return T
     */
    private static function part(string $class, callable $make): object
    {
        return self::$parts[$class] ??= $make();
    }
}
