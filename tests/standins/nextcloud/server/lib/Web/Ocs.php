<?php
declare(strict_types=1);

namespace Standin\Web;

use SimpleXMLElement;
use Standin\Http\Request;
use Standin\Server;

/** The OCS API: capabilities, the own account, server information; JSON or XML. */
final class Ocs
{
    public function __construct(private Request $request, private int $version)
    {
    }

    /** @param array<string, array<string, mixed>> $apps */
    public function answer(array $apps): void
    {
        $path = $this->request->path();
        $credentials = $this->request->header('Authorization') !== '';
        $uid = Authentication::of($this->request, $apps);
        if ($credentials && $uid === null) {
            header('WWW-Authenticate: Basic realm="Authorisation Required"');
            $this->fail(997, 'Unauthorised', 401);
            return;
        }
        if ($path === '/apps/serverinfo/api/v1/info') {
            $this->serverInfo($uid);
            return;
        }
        if ($path === '/cloud/capabilities') {
            $this->success($this->capabilities($uid));
            return;
        }
        if (!in_array($path, ['/cloud/user', '/core/getapppassword'], true)) {
            $this->fail(998, 'Invalid query, please check the syntax.', 404);
        } elseif ($uid === null) {
            $this->fail(997, 'Current user is not logged in', 401);
        } elseif ($this->request->header('OCS-APIRequest') === '') {
            Router::json(['message' => 'CSRF check failed'], 412);
        } elseif ($path === '/cloud/user') {
            $this->success($this->account($uid));
        } else {
            $this->success(['apppassword' => Server::tokens()->addAppPassword($uid, $this->request->header('User-Agent') ?: 'unknown')]);
        }
    }

    /** @return array<string, mixed> */
    private function capabilities(?string $uid): array
    {
        $version = Server::version();
        [$major, $minor, $micro] = array_map(intval(...), explode('.', $version->text()));
        $theming = ['theming' => ['name' => Server::appConfig()->get('theming', 'name') ?: 'Nextcloud']];
        return [
            'version' => ['major' => $major, 'minor' => $minor, 'micro' => $micro, 'string' => $version->text(), 'edition' => '', 'extendedSupport' => false],
            'capabilities' => $uid === null ? $theming : $theming + [
                'core' => ['pollinterval' => 60, 'webdav-root' => 'remote.php/webdav', 'reference-api' => true],
                'dav' => ['chunking' => '1.0', 'bulkupload' => '1.0'],
                'files' => ['bigfilechunking' => true, 'undelete' => true, 'versioning' => true],
            ],
        ];
    }

    /** @return array<string, mixed> */
    private function account(string $uid): array
    {
        return [
            'id' => $uid,
            'enabled' => true,
            'display-name' => Server::users()->displayName($uid),
            'displayname' => Server::users()->displayName($uid),
            'email' => Server::preferences()->get($uid, 'settings', 'email') ?: null,
            'groups' => Server::groups()->of($uid),
            'backend' => Server::users()->backend($uid),
            'quota' => ['quota' => Server::preferences()->get($uid, 'files', 'quota', 'none')],
        ];
    }

    /** For an administrator, or whoever holds the token. */
    private function serverInfo(?string $uid): void
    {
        $token = Server::appConfig()->get('serverinfo', 'token');
        $admin = $uid !== null && in_array('admin', Server::groups()->of($uid), true);
        if (!$admin && ($token === '' || !hash_equals($token, $this->request->header('NC-Token')))) {
            http_response_code(401);
            $this->send('failure', 401, '', ['message' => 'Unauthorized']);
            return;
        }
        $this->success(['nextcloud' => ['system' => ['version' => Server::version()->full()], 'storage' => [
            'num_users' => count(Server::users()->all()),
        ]]]);
    }

    /** @param array<string, mixed> $data */
    private function success(array $data): void
    {
        $this->send('ok', $this->version === 1 ? 100 : 200, 'OK', $data);
    }

    public function fail(int $code, string $message, ?int $http = null): void
    {
        if ($http !== null) {
            http_response_code($http);
        }
        $this->send('failure', $code, $message, []);
    }

    /** @param array<string, mixed> $data */
    private function send(string $status, int $code, string $message, array $data): void
    {
        $content = ['meta' => ['status' => $status, 'statuscode' => $code, 'message' => $message], 'data' => $data];
        if (($_GET['format'] ?? '') === 'json' || str_contains($this->request->header('Accept'), 'application/json')) {
            header('Content-Type: application/json; charset=utf-8');
            echo json_encode(['ocs' => $content]);
            return;
        }
        header('Content-Type: application/xml; charset=utf-8');
        $xml = new SimpleXMLElement('<?xml version="1.0"?><ocs/>');
        self::fill($xml, $content);
        echo $xml->asXML();
    }

    /** @param array<int|string, mixed> $data */
    private static function fill(SimpleXMLElement $node, array $data): void
    {
        foreach ($data as $key => $value) {
            $name = is_int($key) ? 'element' : $key;
            if (is_array($value)) {
                self::fill($node->addChild($name), $value);
            } else {
                $node->addChild($name, htmlspecialchars((string) $value));
            }
        }
    }
}
