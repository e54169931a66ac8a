<?php
$CONFIG = ['memcache.local' => '\OC\Memcache\APCu'];
