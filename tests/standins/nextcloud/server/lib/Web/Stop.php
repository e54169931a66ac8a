<?php
declare(strict_types=1);

namespace Standin\Web;

use RuntimeException;

/** The answer is complete; nothing more may run. */
final class Stop extends RuntimeException
{
}
