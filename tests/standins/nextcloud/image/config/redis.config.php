<?php
// Read at every request: CLI, cron and web need the same environment.
if (getenv('REDIS_HOST')) {
    $passwordFile = getenv('REDIS_HOST_PASSWORD_FILE');
    $CONFIG = [
        'memcache.distributed' => '\OC\Memcache\Redis',
        'memcache.locking' => '\OC\Memcache\Redis',
        'redis' => [
            'host' => getenv('REDIS_HOST'),
            'password' => $passwordFile ? trim(file_get_contents($passwordFile)) : (string) getenv('REDIS_HOST_PASSWORD'),
        ],
    ];
    if (getenv('REDIS_HOST_PORT') !== false) {
        $CONFIG['redis']['port'] = (int) getenv('REDIS_HOST_PORT');
    } elseif (getenv('REDIS_HOST')[0] !== '/') {
        $CONFIG['redis']['port'] = 6379;
    }
    if (getenv('REDIS_HOST_USER') !== false) {
        $CONFIG['redis']['user'] = (string) getenv('REDIS_HOST_USER');
    }
}
