<?php
// The build argument NEXTCLOUD_VERSION replaces this version (Dockerfile).
$OC_Version = [34, 0, 2, 1];
$OC_VersionString = '34.0.2';
$OC_Channel = 'stable';
$vendor = 'nextcloud';
