<?php
$scalars = [
    'OVERWRITEHOST' => 'overwritehost',
    'OVERWRITEPROTOCOL' => 'overwriteprotocol',
    'OVERWRITECLIURL' => 'overwrite.cli.url',
    'OVERWRITEWEBROOT' => 'overwritewebroot',
    'OVERWRITECONDADDR' => 'overwritecondaddr',
];
foreach ($scalars as $variable => $key) {
    if (getenv($variable)) {
        $CONFIG[$key] = getenv($variable);
    }
}
foreach (['TRUSTED_PROXIES' => 'trusted_proxies', 'FORWARDED_FOR_HEADERS' => 'forwarded_for_headers'] as $variable => $key) {
    if (getenv($variable)) {
        $CONFIG[$key] = array_filter(array_map('trim', explode(' ', getenv($variable))));
    }
}
