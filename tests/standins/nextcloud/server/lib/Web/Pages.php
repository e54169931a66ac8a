<?php
declare(strict_types=1);

namespace Standin\Web;

use Standin\Server;

/** HTML. Ids and field names are upstream's, so that a browser test may look for them. */
final class Pages
{
    public static function setup(): void
    {
        self::print('Installation', '<p>The web installer is not played: install with occ maintenance:install.</p>');
    }

    public static function error(string $message): void
    {
        self::print('Nextcloud', '<div class="error">' . htmlspecialchars($message) . '</div>');
    }

    /** @param list<array{name: string, href: string}> $alternatives */
    public static function login(bool $failed, array $alternatives, bool $withForm): void
    {
        $body = '';
        if ($withForm) {
            $token = Session::requestToken();
            $wrong = $failed ? '<p class="warning">' . Texts::of('wrong') . '</p>' : '';
            $body .= '<form method="post" name="login" action="/index.php/login">' . $wrong
                . '<label for="user">' . Texts::of('name') . '</label><input id="user" name="user" autocomplete="username" required>'
                . '<label for="password">' . Texts::of('password') . '</label>'
                . '<input id="password" name="password" type="password" autocomplete="current-password" required>'
                . "<input type=\"hidden\" name=\"requesttoken\" value=\"$token\">"
                . '<button type="submit">' . Texts::of('login') . '</button></form>';
        }
        foreach ($alternatives as $one) {
            $body .= '<a class="alternative-login" href="' . htmlspecialchars($one['href']) . '">'
                . Texts::of('login_with') . ' ' . htmlspecialchars($one['name']) . '</a>';
        }
        self::print(Texts::of('login'), $body);
    }

    /**
     * @param list<array{path: string, size: int}> $files
     */
    public static function files(string $uid, string $displayName, array $files, string $logoutUrl): void
    {
        $rows = '';
        foreach ($files as $file) {
            $rows .= '<tr><td>' . htmlspecialchars($file['path']) . "</td><td>{$file['size']}</td></tr>";
        }
        $list = $rows === '' ? '<p>' . Texts::of('empty') . '</p>' : "<table id=\"filestable\">$rows</table>";
        $name = htmlspecialchars($displayName);
        self::print(Texts::of('files') . ' – ' . self::instanceName(), '<header id="header"><div id="user-menu" data-user="'
            . htmlspecialchars($uid) . "\" data-user-displayname=\"$name\"><span class=\"user-name\">$name</span>"
            . '<a id="logout" href="' . htmlspecialchars($logoutUrl) . '">' . Texts::of('logout') . '</a></div></header>'
            . "<main id=\"app-content-vue\"><h1>" . Texts::of('files') . "</h1>$list</main>", $uid);
    }

    private static function instanceName(): string
    {
        return Server::config()->installed() ? (Server::appConfig()->get('theming', 'name') ?: 'Nextcloud') : 'Nextcloud';
    }

    private static function print(string $title, string $body, ?string $uid = null): void
    {
        header('Content-Type: text/html; charset=UTF-8');
        header("Content-Security-Policy: default-src 'none'; style-src 'self' 'unsafe-inline'; form-action 'self'; frame-ancestors 'self'");
        header('Cache-Control: no-cache, no-store, must-revalidate');
        $user = $uid === null ? '' : ' data-user="' . htmlspecialchars($uid) . '"';
        $head = $uid === null ? '' : ' data-requesttoken="' . Session::requestToken() . '"';
        echo '<!DOCTYPE html><html lang="' . Texts::language() . "\"><head$head$user><meta charset=\"utf-8\"><title>"
            . htmlspecialchars($title) . "</title></head><body>$body</body></html>";
    }
}
