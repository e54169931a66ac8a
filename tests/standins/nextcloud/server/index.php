<?php
declare(strict_types=1);
require_once __DIR__ . '/lib/base.php';
Standin\Web\Kernel::page();
