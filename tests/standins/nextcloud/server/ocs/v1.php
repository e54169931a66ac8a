<?php
declare(strict_types=1);
require_once dirname(__DIR__) . '/lib/base.php';
Standin\Web\Kernel::ocs(1);
