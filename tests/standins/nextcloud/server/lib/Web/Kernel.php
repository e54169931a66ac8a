<?php
declare(strict_types=1);

namespace Standin\Web;

use PDOException;
use RedisException;
use Standin\Dav\Endpoint;
use Standin\Http\Request;
use Standin\Log;
use Standin\Refused;
use Standin\Security\TrustedDomains;
use Standin\Server;
use Throwable;

/** What happens to a web request before anything answers it, in upstream's order. */
final class Kernel
{
    /** index.php: pages, login, app routes, heartbeat. */
    public static function page(): void
    {
        self::guarded(static function (Request $request): void {
            if (!Server::config()->installed()) {
                Pages::setup();
                return;
            }
            Session::start($request);
            self::checkHost($request);
            if ($request->path() === '/heartbeat') {
                return;
            }
            self::checkMaintenance();
            self::checkUpgrade();
            (new Router($request, Server::apps()->load()))->answer();
        });
    }

    /** remote.php: WebDAV. In maintenance mode 503 without the header that pages have. */
    public static function dav(): void
    {
        self::guarded(static function (Request $request): void {
            if (!Server::config()->installed()) {
                header('Location: /index.php', true, 302);
                return;
            }
            Session::start($request);
            self::checkHost($request);
            header("Content-Security-Policy: default-src 'none';");
            if (Server::version()->needsUpgrade() || Server::config()->flag('maintenance')) {
                http_response_code(503);
                header('Content-Type: application/xml; charset=utf-8');
                $reason = Server::config()->flag('maintenance') ? 'System is in maintenance mode.' : 'Service unavailable';
                echo Endpoint::error('Sabre\DAV\Exception\ServiceUnavailable', $reason);
                return;
            }
            (new Endpoint($request, Server::apps()->load()))->answer();
        });
    }

    /** @param int $version of the OCS envelope, 1 or 2 */
    public static function ocs(int $version): void
    {
        self::guarded(static function (Request $request) use ($version): void {
            $ocs = new Ocs($request, $version);
            if (!Server::config()->installed() || Server::config()->flag('maintenance') || Server::version()->needsUpgrade()) {
                http_response_code(503);
                header('X-Nextcloud-Maintenance-Mode: 1');
                $ocs->fail(503, 'Service unavailable');
                return;
            }
            Session::start($request);
            self::checkHost($request);
            $ocs->answer(Server::apps()->load());
        });
    }

    /** @param callable(Request): void $answer */
    private static function guarded(callable $answer): void
    {
        try {
            self::securityHeaders();
            $answer(Request::current());
        } catch (Stop) {
            return;
        } catch (PDOException | RedisException | Refused $failure) {
            self::internalError($failure);
        }
    }

    private static function internalError(Throwable $failure): void
    {
        http_response_code($failure instanceof Refused ? 500 : 503);
        error_log('[nextcloud][index] ' . get_class($failure) . ': ' . $failure->getMessage());
        Server::log()->write(Log::ERROR, 'index', $failure->getMessage());
        Pages::error(Texts::of('internal_error'));
    }

    private static function securityHeaders(): void
    {
        header('X-Content-Type-Options: nosniff');
        header('X-Frame-Options: SAMEORIGIN');
        header('X-Robots-Tag: noindex, nofollow');
        header('Referrer-Policy: no-referrer');
    }

    private static function checkHost(Request $request): void
    {
        if ((new TrustedDomains(Server::config()))->trusts($request->insecureHost())) {
            return;
        }
        http_response_code(400);
        Server::log()->write(Log::INFO, 'core', 'Trusted domain error. "' . $request->insecureHost() . '" is no trusted domain');
        Pages::error(Texts::of('untrusted'));
        throw new Stop();
    }

    private static function checkMaintenance(): void
    {
        if (Server::config()->flag('maintenance')) {
            http_response_code(503);
            header('X-Nextcloud-Maintenance-Mode: 1');
            header('Retry-After: 120');
            Pages::error(Texts::of('maintenance'));
            throw new Stop();
        }
    }

    private static function checkUpgrade(): void
    {
        if (Server::version()->needsUpgrade()) {
            http_response_code(503);
            header('Retry-After: 120');
            Pages::error(Texts::of('upgrade'));
            throw new Stop();
        }
    }
}
