<?php
declare(strict_types=1);

namespace Standin\Web;

use Standin\Http\Request;
use Standin\Server;
use Standin\User\Tokens;

/** Who sends a request to WebDAV or OCS: Bearer, then Basic, then the browser's session. */
final class Authentication
{
    /**
     * @param array<string, array<string, mixed>> $apps
     * @return string|null the uid
     */
    public static function of(Request $request, array $apps): ?string
    {
        $header = $request->header('Authorization');
        if (Session::stale()) {
            return null;
        }
        if (preg_match('/^bearer\s/i', $header) === 1) {
            foreach ($apps as $parts) {
                $uid = isset($parts['bearer']) ? $parts['bearer'](trim(substr($header, 7))) : null;
                if ($uid !== null) {
                    return Server::users()->enabled($uid) ? $uid : null;
                }
            }
            return null;
        }
        if (preg_match('/^basic\s+(.+)$/i', $header, $found) === 1) {
            [$login, $password] = array_pad(explode(':', (string) base64_decode($found[1]), 2), 2, '');
            return self::basic($login, $password);
        }
        return self::fromPage($request) ? Session::user() : null;
    }

    /** An app password; or, unless token_auth_enforced, the login password of a local account. */
    private static function basic(string $login, string $password): ?string
    {
        $token = Server::tokens()->find($password, Tokens::PERMANENT);
        if ($token !== null) {
            return mb_strtolower($token['uid']) === mb_strtolower($login) && Server::users()->enabled($token['uid']) ? $token['uid'] : null;
        }
        return Server::config()->flag('token_auth_enforced') ? null : Server::users()->authenticate($login, $password);
    }

    /** A cookie alone proves nothing: the request must come from one of our own pages. */
    private static function fromPage(Request $request): bool
    {
        $token = $request->header('requesttoken');
        return ($token !== '' && hash_equals(Session::requestToken(), $token)) || $request->header('OCS-APIRequest') !== '';
    }
}
