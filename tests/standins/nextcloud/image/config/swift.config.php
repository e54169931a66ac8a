<?php
// Same name as upstream's snippet; check-environment.php refuses OBJECTSTORE_*, because no stand-in plays an object store.
$CONFIG = [];
