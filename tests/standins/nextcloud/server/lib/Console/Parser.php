<?php
declare(strict_types=1);

namespace Standin\Console;

/** Reads a command line strictly: only what the contract lists for the command, and no abbreviations. */
final class Parser
{
    private const GLOBAL_FLAGS = ['help', 'quiet', 'version', 'ansi', 'no-ansi', 'no-interaction', 'no-warnings', 'verbose'];
    private const GLOBAL_SHORT = ['h' => 'help', 'q' => 'quiet', 'V' => 'version', 'n' => 'no-interaction', 'v' => 'verbose'];

    /** @param array<string, array<string, mixed>> $contract command to its arguments, options and shortcuts */
    public function __construct(private array $contract)
    {
    }

    /** @param list<string> $tokens */
    public function commandName(array $tokens): ?string
    {
        foreach ($tokens as $token) {
            if (!str_starts_with($token, '-')) {
                return $token;
            }
        }
        return null;
    }

    /**
     * @param list<string> $tokens without the command's name
     * @return array{Input, list<string>} the input, and the global flags that were given
     */
    public function parse(string $command, array $tokens): array
    {
        $spec = $this->contract[$command];
        [$options, $globals, $positional] = [[], [], []];
        $onlyArguments = false;
        while ($tokens !== []) {
            $token = array_shift($tokens);
            if ($onlyArguments || $token === '-' || !str_starts_with($token, '-')) {
                $positional[] = $token;
            } elseif ($token === '--') {
                $onlyArguments = true;
            } elseif (str_starts_with($token, '--')) {
                $this->long($spec, substr($token, 2), $tokens, $options, $globals);
            } else {
                $this->short($spec, substr($token, 1), $tokens, $options, $globals);
            }
        }
        $arguments = $this->bind($command, $spec['arguments'], $positional);
        return [new Input($arguments, $options, !in_array('no-interaction', $globals, true)), $globals];
    }

    private function long(array $spec, string $text, array &$tokens, array &$options, array &$globals): void
    {
        [$name, $value] = array_pad(explode('=', $text, 2), 2, null);
        if (in_array($name, self::GLOBAL_FLAGS, true)) {
            $globals[] = $name;
            return;
        }
        $kind = $spec['options']["--$name"] ?? null;
        if ($kind === null) {
            throw new UsageError("The \"--$name\" option does not exist.");
        }
        if ($kind === 'flag') {
            if ($value !== null) {
                throw new UsageError("The \"--$name\" option does not accept a value.");
            }
            $options[$name] = true;
            return;
        }
        if ($value === null) {
            $next = $tokens[0] ?? null;
            if ($next === null || (str_starts_with($next, '-') && $next !== '-')) {
                throw new UsageError("The \"--$name\" option requires a value.");
            }
            $value = array_shift($tokens);
        }
        if ($kind === 'values') {
            $options[$name][] = $value;
        } else {
            $options[$name] = $value;
        }
    }

    private function short(array $spec, string $text, array &$tokens, array &$options, array &$globals): void
    {
        $letter = $text[0];
        $rest = substr($text, 1);
        $long = $spec['shortcuts']["-$letter"] ?? null;
        if ($long !== null) {
            $name = substr($long, 2);
            if ($spec['options'][$long] !== 'flag') {
                $given = $rest !== '' ? "$name=" . ltrim($rest, '=') : $name;
                $this->long($spec, $given, $tokens, $options, $globals);
                return;
            }
            $options[$name] = true;
        } elseif (isset(self::GLOBAL_SHORT[$letter])) {
            $globals[] = self::GLOBAL_SHORT[$letter];
        } else {
            throw new UsageError("The \"-$letter\" option does not exist.");
        }
        if ($rest !== '') {
            $this->short($spec, $rest, $tokens, $options, $globals);
        }
    }

    /**
     * @param list<array{name: string, required?: bool, array?: bool}> $specs
     * @param list<string> $given
     * @return array<string, string|list<string>>
     */
    private function bind(string $command, array $specs, array $given): array
    {
        $bound = [];
        $missing = [];
        foreach ($specs as $spec) {
            if ($given === []) {
                if ($spec['required'] ?? false) {
                    $missing[] = $spec['name'];
                }
            } elseif ($spec['array'] ?? false) {
                $bound[$spec['name']] = $given;
                $given = [];
            } else {
                $bound[$spec['name']] = array_shift($given);
            }
        }
        if ($given !== []) {
            throw new UsageError($specs === []
                ? "No arguments expected for \"$command\" command, got \"$given[0]\"."
                : "Too many arguments to \"$command\" command, expected arguments \""
                    . implode('" "', array_column($specs, 'name')) . '".');
        }
        if ($missing !== []) {
            throw new UsageError('Not enough arguments (missing: "' . implode(', ', $missing) . '").');
        }
        return $bound;
    }
}
