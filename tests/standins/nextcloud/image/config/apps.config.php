<?php
$CONFIG = [
    'apps_paths' => [
        ['path' => OC::$SERVERROOT . '/apps', 'url' => '/apps', 'writable' => false],
        ['path' => OC::$SERVERROOT . '/custom_apps', 'url' => '/custom_apps', 'writable' => true],
    ],
];
