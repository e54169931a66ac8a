<?php
declare(strict_types=1);

namespace Standin\Dav;

use Standin\Http\Request;
use Standin\Refused;
use Standin\Web\Authentication;
use Standin\Web\Pages;
use Standin\Web\Texts;

/** WebDAV below /remote.php/dav/files/<uid>/ and /remote.php/webdav/: enough for a client's round trip. */
final class Endpoint
{
    /** @param array<string, array<string, mixed>> $apps */
    public function __construct(private Request $request, private array $apps)
    {
    }

    public function answer(): void
    {
        if (preg_match('#^/(dav|webdav)(/|$)#', $this->request->path()) !== 1) {
            http_response_code(404);
            Pages::error(Texts::of('not_found'));
            return;
        }
        $uid = Authentication::of($this->request, $this->apps);
        if ($uid === null) {
            $this->refuse(401, 'NotAuthenticated', 'No public access to this resource., No \'Authorization: Basic\' header found.');
            header('WWW-Authenticate: Basic realm="Nextcloud", charset="UTF-8"');
            return;
        }
        $path = $this->request->path();
        if (preg_match('#^/dav/files/([^/]+)(?:/(.*))?$#', $path, $found) !== 1
            && preg_match('#^/webdav()(?:/(.*))?$#', $path, $found) !== 1) {
            $this->refuse(404, 'NotFound', "File not found: $path");
            return;
        }
        if ($found[1] !== '' && $found[1] !== $uid) {
            $this->refuse(404, 'NotFound', "Principal with name $found[1] not found");
            return;
        }
        try {
            $this->act(new Storage($uid), trim($found[2] ?? '', '/'));
        } catch (Locked) {
            $this->refuse(423, 'FileLocked', 'the file is locked');
        } catch (Refused $failure) {
            $this->refuse(400, 'BadRequest', $failure->getMessage());
        }
    }

    private function act(Storage $storage, string $path): void
    {
        $method = $this->request->method();
        $parent = str_contains($path, '/') ? dirname($path) : '';
        if (in_array($method, ['PUT', 'MKCOL'], true) && !$storage->isFolder($parent)) {
            $this->refuse($method === 'PUT' ? 404 : 409, $method === 'PUT' ? 'NotFound' : 'Conflict', "File with name $parent could not be located");
        } elseif (in_array($method, ['GET', 'HEAD', 'DELETE', 'PROPFIND'], true) && !$storage->exists($path)) {
            $this->refuse(404, 'NotFound', "File with name $path could not be located");
        } else {
            match ($method) {
                'PUT' => $this->put($storage, $path),
                'MKCOL' => $this->makeFolder($storage, $path),
                'GET', 'HEAD' => $this->get($storage, $path),
                'DELETE' => $this->delete($storage, $path),
                'PROPFIND' => $this->properties($storage, $path),
                'OPTIONS' => header('DAV: 1, 3, extended-mkcol'),
                default => $this->refuse(405, 'MethodNotAllowed', "The method $method is not played"),
            };
        }
    }

    private function put(Storage $storage, string $path): void
    {
        $source = fopen('php://input', 'r');
        [$new, $etag] = $storage->put($path, $source);
        header("OC-Etag: \"$etag\"");
        header("ETag: \"$etag\"");
        http_response_code($new ? 201 : 204);
    }

    private function makeFolder(Storage $storage, string $path): void
    {
        if ($storage->exists($path)) {
            $this->refuse(405, 'MethodNotAllowed', 'The resource you tried to create already exists');
            return;
        }
        $storage->makeFolder($path);
        http_response_code(201);
    }

    private function get(Storage $storage, string $path): void
    {
        $about = $storage->describe($path);
        if ($about['folder']) {
            return;
        }
        $types = ['txt' => 'text/plain;charset=UTF-8', 'md' => 'text/markdown', 'pdf' => 'application/pdf', 'png' => 'image/png'];
        header('Content-Type: ' . ($types[strtolower(pathinfo($path, PATHINFO_EXTENSION))] ?? 'application/octet-stream'));
        header("Content-Length: {$about['size']}");
        header("ETag: \"{$about['etag']}\"");
        header("Content-Security-Policy: default-src 'none';");
        if ($this->request->method() === 'GET') {
            $storage->read($path);
        }
    }

    private function delete(Storage $storage, string $path): void
    {
        $storage->delete($path);
        http_response_code(204);
    }

    private function properties(Storage $storage, string $path): void
    {
        $base = rtrim((string) preg_replace('#' . preg_quote($path, '#') . '/?$#', '', '/remote.php' . $this->request->path()), '/');
        $depth = $this->request->header('Depth') === '0' ? 0 : 1;
        header('HTTP/1.1 207 Multi-Status');
        header('Content-Type: application/xml; charset=utf-8');
        $xml = '<?xml version="1.0"?><d:multistatus xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns">';
        foreach ([$storage->describe($path), ...$storage->list($path, $depth)] as $one) {
            $href = $base . '/' . implode('/', array_map(rawurlencode(...), explode('/', $one['path']))) . ($one['folder'] && $one['path'] !== '' ? '/' : '');
            $kind = $one['folder'] ? '<d:collection/>' : '';
            $length = $one['folder'] ? '' : "<d:getcontentlength>{$one['size']}</d:getcontentlength>";
            $xml .= '<d:response><d:href>' . htmlspecialchars($href) . '</d:href><d:propstat><d:prop>'
                . '<d:getlastmodified>' . gmdate('D, d M Y H:i:s', $one['mtime']) . " GMT</d:getlastmodified>$length"
                . "<d:resourcetype>$kind</d:resourcetype><d:getetag>&quot;{$one['etag']}&quot;</d:getetag></d:prop>"
                . '<d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>';
        }
        echo "$xml</d:multistatus>";
    }

    private function refuse(int $status, string $exception, string $message): void
    {
        http_response_code($status);
        header('Content-Type: application/xml; charset=utf-8');
        echo self::error("Sabre\\DAV\\Exception\\$exception", $message);
    }

    public static function error(string $exception, string $message): string
    {
        return '<?xml version="1.0" encoding="utf-8"?><d:error xmlns:d="DAV:" xmlns:s="http://sabredav.org/ns"><s:exception>'
            . $exception . '</s:exception><s:message>' . htmlspecialchars($message) . '</s:message></d:error>';
    }
}
