<?php
declare(strict_types=1);

namespace Standin\Dav;

use RuntimeException;

/** Somebody else is writing the file: 423. */
final class Locked extends RuntimeException
{
}
