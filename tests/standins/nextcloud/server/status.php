<?php
/** Answers even in maintenance mode (200); 500 without its database; no session, so it does not notice a dead cache. */
declare(strict_types=1);

require_once __DIR__ . '/lib/base.php';

use Standin\Http\Request;
use Standin\Security\TrustedDomains;
use Standin\Server;

try {
    header('Content-Type: application/json');
    if (Server::config()->installed() && !(new TrustedDomains(Server::config()))->trusts(Request::current()->insecureHost())) {
        http_response_code(400);
        echo '{"error": "Trusted domain error.", "code": 15}';
        exit;
    }
    $status = Server::version()->status();
    header('Access-Control-Allow-Origin: *');
    echo json_encode($status);
} catch (Throwable $failure) {
    http_response_code(500);
    error_log('status.php: ' . $failure->getMessage());
}
