<?php
declare(strict_types=1);

namespace Standin\Console;

use RuntimeException;

/** The command line does not fit the contract: an unknown command, option or argument, or a missing one. */
final class UsageError extends RuntimeException
{
}
