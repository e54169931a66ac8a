<?php
declare(strict_types=1);

namespace Standin\Console;

/** What was given to a command, after it was checked against the contract. */
final class Input
{
    /**
     * @param array<string, string|list<string>|null> $arguments
     * @param array<string, string|bool|list<string>|null> $options by long name without dashes
     */
    public function __construct(
        private array $arguments,
        private array $options,
        public readonly bool $interactive,
    ) {
    }

    public function argument(string $name): ?string
    {
        $value = $this->arguments[$name] ?? null;
        return is_array($value) ? ($value[0] ?? null) : $value;
    }

    /** @return list<string> */
    public function arguments(string $name): array
    {
        return (array) ($this->arguments[$name] ?? []);
    }

    public function option(string $name, ?string $default = null): ?string
    {
        $value = $this->options[$name] ?? null;
        return is_string($value) ? $value : $default;
    }

    /** @return list<string> */
    public function options(string $name): array
    {
        return (array) ($this->options[$name] ?? []);
    }

    public function flag(string $name): bool
    {
        return ($this->options[$name] ?? false) === true;
    }

    /** @return array<string, mixed> every option that was given */
    public function given(): array
    {
        return array_filter($this->options, static fn (mixed $value): bool => $value !== null && $value !== false);
    }

    /** Asks on stderr and reads one line; null when nobody answers or -n was given. */
    public function ask(string $question, ?Output $output = null): ?string
    {
        if (!$this->interactive) {
            return null;
        }
        fwrite(STDERR, $question);
        $line = fgets(STDIN);
        fwrite(STDERR, "\n");
        return $line === false ? null : rtrim($line, "\r\n");
    }
}
