<?php
declare(strict_types=1);

namespace Standin\Web;

use RedisException;
use Standin\Http\Request;
use Standin\Server;
use Standin\User\Tokens;

/**
 * The web session, kept where the session ini says (Valkey in a deployment).
 *
 * A login counts only while its row in authtoken exists: that is how a back-channel logout ends a session it cannot reach.
 */
final class Session
{
    /** How long a request hangs while the session store is down, before it gives up. */
    private const HANG_S = 60;

    public static function start(Request $request): void
    {
        session_name(Server::config()->text('instanceid', 'nextcloud'));
        session_set_cookie_params([
            'path' => '/',
            'httponly' => true,
            'secure' => $request->protocol() === 'https',
            'samesite' => 'Lax',
        ]);
        $deadline = microtime(true) + self::HANG_S;
        while (!@session_start()) {
            if (ini_get('session.save_handler') === 'files' || microtime(true) > $deadline) {
                throw new RedisException('the session store does not answer');
            }
            usleep(500_000);
        }
    }

    public static function get(string $key): mixed
    {
        return $_SESSION[$key] ?? null;
    }

    public static function set(string $key, mixed $value): void
    {
        $_SESSION[$key] = $value;
    }

    public static function forget(string $key): void
    {
        unset($_SESSION[$key]);
    }

    public static function login(string $uid): int
    {
        session_regenerate_id(true);
        $_SESSION['user_id'] = $uid;
        Server::preferences()->set($uid, 'login', 'lastLogin', (string) time());
        $agent = (string) ($_SERVER['HTTP_USER_AGENT'] ?? 'unknown');
        return Server::tokens()->add($uid, (string) session_id(), mb_substr($agent, 0, 120), Tokens::TEMPORARY);
    }

    /** Who is logged in, or null. Somebody disabled meanwhile is not. */
    public static function user(): ?string
    {
        $uid = $_SESSION['user_id'] ?? null;
        if ($uid === null || Server::tokens()->find((string) session_id(), Tokens::TEMPORARY) === null) {
            return null;
        }
        return Server::users()->exists($uid) && Server::users()->enabled($uid) ? $uid : null;
    }

    /** True when the session names somebody but has no token: what a Bearer request leaves behind in user_oidc 8.7 to 8.10. */
    public static function stale(): bool
    {
        return isset($_SESSION['user_id']) && self::user() === null;
    }

    /** Ends the session in this browser. */
    public static function logout(): void
    {
        Server::tokens()->deleteToken((string) session_id());
        $_SESSION = [];
        session_regenerate_id(true);
    }

    public static function requestToken(): string
    {
        return $_SESSION['requesttoken'] ??= bin2hex(random_bytes(16));
    }
}
