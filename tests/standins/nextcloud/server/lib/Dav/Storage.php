<?php
declare(strict_types=1);

namespace Standin\Dav;

use Standin\Refused;
use Standin\Server;

/** One person's files: content below data/<uid>/files, index in PostgreSQL, locks in Valkey. */
final class Storage
{
    private string $root;

    public function __construct(private string $uid)
    {
        $this->root = Server::dataDirectory() . "/$uid/files";
    }

    /** @throws Refused when the path leaves the person's folder */
    private function file(string $path): string
    {
        if (preg_match('#(^|/)\.\.(/|$)|\0#', $path) === 1) {
            throw new Refused('Invalid path');
        }
        if (!is_dir($this->root)) {
            mkdir($this->root, 0755, true);
        }
        return $path === '' ? $this->root : "$this->root/$path";
    }

    public function isFolder(string $path): bool
    {
        return is_dir($this->file($path));
    }

    public function exists(string $path): bool
    {
        return file_exists($this->file($path));
    }

    /**
     * @param resource $source
     * @return array{bool, string} whether the file is new, and its etag
     * @throws Locked while somebody else writes it
     */
    public function put(string $path, $source): array
    {
        $file = $this->file($path);
        $key = "files/$this->uid/" . md5($path);
        if (!Server::redis()->lock($key)) {
            throw new Locked();
        }
        try {
            $new = !is_file($file);
            $partial = "$file.ocTransferId" . random_int(1, PHP_INT_MAX) . '.part';
            $target = fopen($partial, 'w');
            stream_copy_to_stream($source, $target);
            fclose($target);
            rename($partial, $file);
            return [$new, $this->index($path)];
        } finally {
            Server::redis()->unlock($key);
        }
    }

    public function read(string $path): void
    {
        readfile($this->file($path));
    }

    public function makeFolder(string $path): void
    {
        mkdir($this->file($path));
        $this->index($path);
    }

    public function delete(string $path): void
    {
        $file = $this->file($path);
        if (is_dir($file)) {
            foreach (new \FilesystemIterator($file) as $entry) {
                $this->delete("$path/" . $entry->getFilename());
            }
            rmdir($file);
        } else {
            unlink($file);
        }
        Server::database()->run('DELETE FROM {filecache} WHERE owner = ? AND path = ?', [$this->uid, $path]);
    }

    /** @return array{path: string, size: int, mtime: int, etag: string, folder: bool} */
    public function describe(string $path): array
    {
        $file = $this->file($path);
        $etag = Server::database()->value('SELECT etag FROM {filecache} WHERE owner = ? AND path = ?', [$this->uid, $path]);
        return [
            'path' => $path,
            'size' => is_dir($file) ? 0 : (int) filesize($file),
            'mtime' => (int) filemtime($file),
            'etag' => (string) ($etag ?? $this->index($path)),
            'folder' => is_dir($file),
        ];
    }

    /** @return list<array{path: string, size: int, mtime: int, etag: string, folder: bool}> what a folder holds */
    public function list(string $path, int $depth): array
    {
        $file = $this->file($path);
        if ($depth === 0 || !is_dir($file)) {
            return [];
        }
        $names = array_diff(scandir($file) ?: [], ['.', '..']);
        return array_values(array_map(fn (string $name): array => $this->describe(ltrim("$path/$name", '/')), $names));
    }

    /** @return array{int, int, int} folders, files, and how many were not in the index */
    public function scan(string $path = ''): array
    {
        [$folders, $files, $new] = [0, 0, 0];
        foreach (array_diff(scandir($this->file($path)) ?: [], ['.', '..']) as $name) {
            $inside = ltrim("$path/$name", '/');
            $known = Server::database()->value('SELECT 1 FROM {filecache} WHERE owner = ? AND path = ?', [$this->uid, $inside]);
            $new += $known === null ? 1 : 0;
            $this->index($inside);
            if (is_dir($this->file($inside))) {
                [$moreFolders, $moreFiles, $moreNew] = $this->scan($inside);
                [$folders, $files, $new] = [$folders + 1 + $moreFolders, $files + $moreFiles, $new + $moreNew];
            } else {
                $files++;
            }
        }
        return [$folders, $files, $new];
    }

    private function index(string $path): string
    {
        $file = $this->file($path);
        $etag = bin2hex(random_bytes(16));
        Server::database()->run(
            'INSERT INTO {filecache} (owner, path, size, mtime, etag, mimetype) VALUES (?, ?, ?, ?, ?, ?)
             ON CONFLICT (owner, path) DO UPDATE SET size = excluded.size, mtime = excluded.mtime, etag = excluded.etag',
            [$this->uid, $path, is_dir($file) ? 0 : (int) filesize($file), (int) filemtime($file), $etag,
                is_dir($file) ? 'httpd/unix-directory' : 'application/octet-stream'],
        );
        return $etag;
    }
}
