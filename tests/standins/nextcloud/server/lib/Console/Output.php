<?php
declare(strict_types=1);

namespace Standin\Console;

/** stdout, in upstream's three formats. */
final class Output
{
    public bool $quiet = false;

    public function line(string $text = ''): void
    {
        if (!$this->quiet) {
            echo "$text\n";
        }
    }

    /** Prints as plain list, json or json_pretty. An unknown format is plain, as upstream. */
    public function data(mixed $data, ?string $format): void
    {
        if ($format === 'json') {
            $this->line((string) json_encode($data));
        } elseif ($format === 'json_pretty') {
            $this->line((string) json_encode($data, JSON_PRETTY_PRINT));
        } elseif (is_array($data)) {
            $this->plain($data, '  ');
        } else {
            $this->line(self::word($data));
        }
    }

    /** @param array<int|string, mixed> $data */
    private function plain(array $data, string $indent): void
    {
        foreach ($data as $key => $value) {
            $label = is_int($key) ? '' : "$key:";
            if (is_array($value)) {
                $this->line(rtrim("$indent- $label"));
                $this->plain($value, "$indent  ");
            } else {
                $this->line("$indent- " . ($label === '' ? '' : "$label ") . self::word($value));
            }
        }
    }

    /**
     * @param list<string> $headers
     * @param list<list<mixed>> $rows
     */
    public function table(array $headers, array $rows): void
    {
        $cells = array_map(static fn (array $row): array => array_map(self::word(...), array_values($row)), [$headers, ...$rows]);
        $widths = [];
        foreach ($cells as $row) {
            foreach ($row as $column => $text) {
                $widths[$column] = max($widths[$column] ?? 0, mb_strlen($text));
            }
        }
        $rule = '+' . implode('+', array_map(static fn (int $width): string => str_repeat('-', $width + 2), $widths)) . '+';
        $this->line($rule);
        foreach ($cells as $index => $row) {
            $padded = [];
            foreach ($row as $column => $text) {
                $padded[] = ' ' . $text . str_repeat(' ', $widths[$column] - mb_strlen($text)) . ' ';
            }
            $this->line('|' . implode('|', $padded) . '|');
            if ($index === 0) {
                $this->line($rule);
            }
        }
        if ($rows !== []) {
            $this->line($rule);
        }
    }

    private static function word(mixed $value): string
    {
        return is_bool($value) ? ($value ? 'true' : 'false') : (string) $value;
    }
}
