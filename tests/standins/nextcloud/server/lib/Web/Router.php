<?php
declare(strict_types=1);

namespace Standin\Web;

use Standin\Dav\Storage;
use Standin\Http\Request;
use Standin\Server;

/** Which page answers which path below index.php. */
final class Router
{
    /** @param array<string, array<string, mixed>> $apps what the enabled apps bring */
    public function __construct(private Request $request, private array $apps)
    {
    }

    public function answer(): void
    {
        $path = $this->request->path();
        $method = $this->request->method();
        foreach ($this->apps as $parts) {
            foreach ($parts['routes'] ?? [] as [$verb, $pattern, $handler]) {
                if (preg_match($pattern, $path, $found) === 1) {
                    $verb === $method ? $handler($this->request, array_slice($found, 1)) : http_response_code(405);
                    return;
                }
            }
        }
        match (true) {
            $method === 'PROPFIND' => http_response_code(405),
            $path === '/' => $this->redirect(Session::user() === null ? '/login' : '/apps/files/'),
            $path === '/login' && $method === 'POST' => $this->localLogin(),
            $path === '/login' => $this->loginPage(),
            $path === '/logout' => Session::user() === null ? $this->anonymous() : $this->logout(),
            $path === '/csrftoken' => self::json(['token' => Session::requestToken()]),
            preg_match('#^/(apps/(files|dashboard)|settings)(/|$)#', $path) === 1 => $this->files(),
            default => $this->notFound(),
        };
    }

    private function redirect(string $path): void
    {
        header('Location: ' . self::url($this->request, $path), true, 302);
    }

    /** An absolute URL of this instance; without index.php only when the web server says the front controller is active. */
    public static function url(Request $request, string $path): string
    {
        return $request->base() . self::local($path);
    }

    private static function local(string $path): string
    {
        $pretty = ($_SERVER['front_controller_active'] ?? '') === 'true'
            || Server::config()->flag('htaccess.IgnoreFrontController');
        return ($pretty ? '' : '/index.php') . $path;
    }

    /** @param array<string, mixed> $data */
    public static function json(array $data, int $status = 200): void
    {
        http_response_code($status);
        header('Content-Type: application/json; charset=utf-8');
        echo json_encode($data);
    }

    private function loginPage(): void
    {
        if (Session::user() !== null) {
            $this->redirect('/apps/files/');
            return;
        }
        foreach ($this->apps as $parts) {
            $target = isset($parts['login_redirect']) ? $parts['login_redirect']($this->request) : null;
            if ($target !== null) {
                header("Location: $target", true, 302);
                return;
            }
        }
        $this->showLogin(false);
    }

    private function showLogin(bool $failed): void
    {
        $alternatives = [];
        foreach ($this->apps as $parts) {
            $alternatives = [...$alternatives, ...(isset($parts['alternative_logins']) ? $parts['alternative_logins']($this->request) : [])];
        }
        // hide_login_form hides the form, but ?direct=1 stays as the way in for the break-glass account.
        $form = !Server::config()->flag('hide_login_form') || ($_GET['direct'] ?? '') === '1';
        Pages::login($failed, $alternatives, $form);
    }

    private function localLogin(): void
    {
        $token = hash_equals(Session::requestToken(), (string) ($_POST['requesttoken'] ?? ''));
        $uid = Server::users()->authenticate((string) ($_POST['user'] ?? ''), (string) ($_POST['password'] ?? ''));
        if (!$token || $uid === null) {
            header('Location: ' . self::local('/login?direct=1&user=' . rawurlencode((string) ($_POST['user'] ?? ''))), true, 303);
            return;
        }
        Session::login($uid);
        $this->redirect('/apps/files/');
    }

    /** Only this browser's session; the identity provider's lives on. */
    private function logout(): void
    {
        Session::logout();
        header('Clear-Site-Data: "cache", "storage"');
        $this->redirect('/login?clear=1');
    }

    private function files(): void
    {
        $uid = Session::user();
        if ($uid === null) {
            $this->anonymous();
            return;
        }
        $logout = self::url($this->request, '/logout');
        foreach ($this->apps as $parts) {
            $logout = (isset($parts['logout_url']) ? $parts['logout_url']($this->request) : null) ?? $logout;
        }
        Pages::files($uid, Server::users()->displayName($uid), (new Storage($uid))->list('', 1), $logout);
    }

    /** A browser is sent to log in; anything else gets a 401. */
    private function anonymous(): void
    {
        if (str_contains($this->request->header('Accept'), 'html')) {
            header('Location: ' . self::local('/login?redirect_url=' . $this->request->path()), true, 303);
            return;
        }
        self::json(['message' => 'Current user is not logged in'], 401);
    }

    private function notFound(): void
    {
        http_response_code(404);
        if (!in_array($this->request->header('Accept'), ['application/json', 'application/xml'], true)) {
            Pages::error(Texts::of('not_found'));
        }
    }
}
