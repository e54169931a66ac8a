<?php
declare(strict_types=1);

namespace Standin\Console;

use OC;
use Standin\Refused;
use Standin\Server;

/** Chooses the command, decides by the server's state which exist, and prints errors the way upstream's console does. */
final class Application
{
    /** The few that exist before the installation. */
    private const BEFORE_INSTALL = ['check', 'completion', 'help', 'list', 'status', 'maintenance:install',
        'integrity:check-app', 'integrity:check-core', 'integrity:sign-app', 'integrity:sign-core', 'l10n:createjs',
        'router:list', 'router:match'];
    /** Command prefixes that shipped apps bring: absent in maintenance mode and while an upgrade is due. */
    private const OF_APPS = ['activity', 'admin-delegation', 'calendar', 'circles', 'dav', 'files', 'log:tail', 'log:watch',
        'notification', 'photos', 'serverinfo', 'sharing', 'text', 'theming', 'trashbin', 'versions', 'workflows'];

    /** @var array<string, array<string, mixed>> */
    private array $contract;
    private Output $output;
    /** @var array<string, callable(Input, Output): int> */
    private array $commands;

    public function __construct()
    {
        $this->contract = json_decode(
            (string) file_get_contents(OC::$SERVERROOT . '/core/commands.json'),
            true,
            flags: JSON_THROW_ON_ERROR,
        );
        $this->output = new Output();
        $this->commands = Registry::core();
    }

    /** @param list<string> $tokens */
    public function run(array $tokens): int
    {
        $this->checkDataDirectory();
        $this->addAppCommands();
        $parser = new Parser($this->contract);
        $name = $parser->commandName($tokens);
        if (!in_array('--no-warnings', $tokens, true)) {
            $this->warn($name ?? 'list');
        }
        if ($name === null) {
            return $this->withoutCommand($tokens);
        }
        unset($tokens[array_search($name, $tokens, true)]);
        return $this->execute($parser, $name, array_values($tokens));
    }

    /** @param list<string> $tokens */
    private function execute(Parser $parser, string $name, array $tokens): int
    {
        $usage = '';
        try {
            $this->checkExists($name);
            $usage = "\n$name " . $this->synopsis($name) . "\n";
            [$input, $globals] = $parser->parse($name, $tokens);
            $this->output->quiet = in_array('quiet', $globals, true);
            if (in_array('help', $globals, true)) {
                $this->output->line("Usage:\n  $name " . $this->synopsis($name));
                return 0;
            }
            if (!isset($this->commands[$name])) {
                throw new UsageError("nextcloud stand-in: upstream has the command \"$name\", but it is not played here");
            }
            return $this->commands[$name]($input, $this->output);
        } catch (UsageError | Refused $failure) {
            fwrite(STDERR, $this->block($failure->getMessage()) . $usage . "\n");
            return 1;
        }
    }

    private function checkExists(string $name): void
    {
        if ($this->available($name)) {
            return;
        }
        [$namespace] = explode(':', $name);
        $same = array_filter(
            array_keys($this->contract),
            fn (string $known): bool => str_starts_with($known, "$namespace:") && $this->available($known),
        );
        throw new UsageError(str_contains($name, ':') && $same === []
            ? 'There are no commands defined in the "' . substr($name, 0, (int) strrpos($name, ':')) . '" namespace.'
            : "Command \"$name\" is not defined.");
    }

    private function available(string $name): bool
    {
        if (!isset($this->contract[$name])) {
            return false;
        }
        if (!Server::config()->installed()) {
            return in_array($name, self::BEFORE_INSTALL, true);
        }
        $app = $this->contract[$name]['app'] ?? null;
        if ($app !== null) {
            return isset($this->commands[$name]);
        }
        foreach (self::OF_APPS as $prefix) {
            if (!$this->appsLoaded() && ($name === $prefix || str_starts_with($name, "$prefix:"))) {
                return false;
            }
        }
        return $name !== 'maintenance:install';
    }

    private function appsLoaded(): bool
    {
        return Server::config()->installed() && !Server::config()->flag('maintenance') && !Server::version()->needsUpgrade();
    }

    private function addAppCommands(): void
    {
        if ($this->appsLoaded()) {
            foreach (Server::apps()->load() as $parts) {
                $this->commands += $parts['commands'] ?? [];
            }
        }
    }

    private function warn(string $command): void
    {
        if (!Server::config()->installed()) {
            fwrite(STDERR, "Nextcloud is not installed - only a limited number of commands are available\n");
        } elseif (Server::config()->flag('maintenance')) {
            if (in_array($command, ['maintenance:mode', 'status'], true)) {
                return;
            }
            fwrite(STDERR, "Nextcloud is in maintenance mode, no apps are loaded.\nCommands provided by apps are unavailable.\n");
        } elseif ($command !== 'upgrade' && Server::version()->needsUpgrade()) {
            fwrite(STDERR, "Nextcloud or one of the apps require upgrade - only a limited number of commands are available\n"
                . "You may use your browser or the occ upgrade command to do the upgrade\n");
        }
    }

    /** An installed instance whose data folder lost its marker refuses everything. */
    private function checkDataDirectory(): void
    {
        if (Server::config()->installed() && !is_file(Server::dataDirectory() . '/.ncdata')) {
            echo "Your data directory is invalid.\nEnsure there is a file called \".ncdata\" in the root of the data directory.\n\n";
            throw new Refused('Environment not properly prepared.');
        }
    }

    /** @param list<string> $tokens */
    private function withoutCommand(array $tokens): int
    {
        $this->output->line('Nextcloud ' . Server::version()->text());
        if (!array_intersect(['-V', '--version'], $tokens)) {
            $this->commands['list'](new Input([], [], false), $this->output);
        }
        return 0;
    }

    private function synopsis(string $name): string
    {
        $spec = $this->contract[$name];
        $parts = [];
        foreach ($spec['options'] as $option => $kind) {
            $parts[] = $kind === 'flag' ? "[$option]" : "[$option " . strtoupper(ltrim($option, '-')) . ']';
        }
        foreach ($spec['arguments'] as $argument) {
            $text = "<{$argument['name']}>" . (($argument['array'] ?? false) ? '...' : '');
            $parts[] = ($argument['required'] ?? false) ? $text : "[$text]";
        }
        return implode(' ', $parts);
    }

    private function block(string $message): string
    {
        $width = str_repeat(' ', mb_strlen($message) + 4);
        return "\n$width\n  $message  \n$width\n";
    }
}
