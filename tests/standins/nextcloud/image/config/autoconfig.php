<?php
// Prefills upstream's web installer. The stand-in has no web installer, so this only keeps the file's place.
$AUTOCONFIG = ['directory' => getenv('NEXTCLOUD_DATA_DIR') ?: '/var/www/html/data'];
