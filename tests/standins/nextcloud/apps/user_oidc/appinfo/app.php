<?php
/** What the app brings: its commands, pages, and its ways to log in. */
declare(strict_types=1);

namespace Standin\UserOidc;

use Standin\Http\Request;
use Standin\Server;

spl_autoload_register(static function (string $class): void {
    if (str_starts_with($class, __NAMESPACE__ . '\\')) {
        $file = dirname(__DIR__) . '/lib/' . substr($class, strlen(__NAMESPACE__) + 1) . '.php';
        if (is_file($file)) {
            require $file;
        }
    }
});

$providers = new Providers(Server::database(), Server::appConfig(), Server::crypto());
$discovery = new Discovery(Server::http(), Server::redis(), $providers);
$provisioning = new Provisioning($providers);
$login = new Login($providers, $discovery, $provisioning);

return [
    'commands' => [
        'user_oidc:provider' => (new Commands($providers))->provider(...),
        'user_oidc:provider:delete' => (new Commands($providers))->delete(...),
        'user_oidc:providers' => (new Commands($providers))->list(...),
    ],
    'routes' => [
        ['GET', '#^/apps/user_oidc/login/(\d+)$#', static fn (Request $request, array $found) => $login->begin($request, (int) $found[0])],
        ['GET', '#^/apps/user_oidc/code$#', static fn (Request $request) => $login->finish($request)],
        ['GET', '#^/apps/user_oidc/sls$#', static fn (Request $request) => (new Logout($providers, $discovery))->front($request)],
        ['POST', '#^/apps/user_oidc/backchannel-logout/([^/]+)$#',
            static fn (Request $request, array $found) => (new Logout($providers, $discovery))->back($found[0])],
    ],
    'login_redirect' => $login->redirect(...),
    'alternative_logins' => $login->alternatives(...),
    'logout_url' => $login->logoutUrl(...),
    'bearer' => (new Bearer($providers, $discovery, $provisioning))->user(...),
];
