<?php
declare(strict_types=1);

namespace Standin;

use RuntimeException;

/** Something upstream refuses too (or, where README.md says so, something only the strict stand-in refuses). */
final class Refused extends RuntimeException
{
}
