<?php
declare(strict_types=1);

namespace Standin\UserOidc;

use Standin\Console\Input;
use Standin\Console\Output;
use Standin\Refused;

/** occ user_oidc:* */
final class Commands
{
    private const PROVIDER_OPTIONS = ['clientid', 'clientsecret', 'discoveryuri', 'endsessionendpointuri', 'postlogouturi', 'scope'];

    public function __construct(private Providers $providers)
    {
    }

    /**
     * Lists, shows or upserts. A call whose only option is --clientsecret-file or --clientsecret-env changes nothing: it
     * counts as "no option given" and prints the provider.
     */
    public function provider(Input $input, Output $output): int
    {
        $identifier = $input->argument('identifier');
        try {
            $secret = $this->secret($input, $output);
        } catch (Refused $failure) {
            $output->line($failure->getMessage());
            return 1;
        }
        if ($identifier === null) {
            return $this->table($input, $output);
        }
        $changing = array_intersect_key($input->given(), array_flip([...self::PROVIDER_OPTIONS, ...array_keys(Providers::SETTINGS)]));
        if ($changing === []) {
            return $this->show($identifier, $input, $output);
        }
        try {
            $provider = $this->providers->upsert(
                $identifier,
                $input->option('clientid'),
                $secret,
                $input->option('discoveryuri'),
                $input->option('endsessionendpointuri'),
                $input->option('postlogouturi'),
                $input->option('scope'),
            );
        } catch (Refused $failure) {
            $output->line($failure->getMessage());
            return -1;
        }
        foreach (Providers::SETTINGS as $option => $key) {
            $value = $input->option($option);
            if ($value !== null) {
                $this->providers->set($provider, $key, isset(Providers::SWITCHES[$key]) ? ($value === '0' ? '0' : '1') : $value);
            }
        }
        return 0;
    }

    /** @throws Refused for two sources at once, or one that cannot be read */
    private function secret(Input $input, Output $output): ?string
    {
        $sources = array_filter([
            'clientsecret' => $input->option('clientsecret'),
            'clientsecret-file' => $input->option('clientsecret-file'),
            'clientsecret-env' => $input->option('clientsecret-env'),
        ], static fn (?string $value): bool => $value !== null);
        if (count($sources) > 1) {
            throw new Refused('Only one of "--clientsecret", "--clientsecret-file" or "--clientsecret-env" can be used.');
        }
        foreach (['clientsecret-file' => 'file', 'clientsecret-env' => 'environment variable'] as $option => $kind) {
            $source = $sources[$option] ?? null;
            if ($source === null) {
                continue;
            }
            $text = $kind === 'file' ? @file_get_contents($source) : getenv($source);
            if ($text === false || $text === '') {
                throw new Refused("Client secret $kind \"$source\" could not be read or is empty");
            }
            $output->line("Client secret loaded from $kind \"$source\"");
            return trim($text);
        }
        return $sources['clientsecret'] ?? null;
    }

    private function show(string $identifier, Input $input, Output $output): int
    {
        $provider = $this->providers->byIdentifier($identifier);
        if ($provider === null) {
            $output->line('Provider not found');
            return -1;
        }
        $about = $provider->describe() + ['settings' => $this->providers->settings($provider)];
        if (in_array($input->option('output'), ['json', 'json_pretty'], true)) {
            $output->data($about, $input->option('output'));
            return 0;
        }
        $about['settings'] = (string) json_encode($about['settings']);
        $output->table(['ID', 'Identifier', 'Client ID', 'Discovery endpoint', 'End session endpoint', 'Advanced settings'], [array_values($about)]);
        return 0;
    }

    private function table(Input $input, Output $output): int
    {
        $all = array_map(static fn (Provider $one): array => $one->describe(), $this->providers->all());
        if (in_array($input->option('output'), ['json', 'json_pretty'], true)) {
            $output->data($all, $input->option('output'));
        } elseif ($all === []) {
            $output->line('No providers configured');
        } else {
            $output->table(
                ['ID', 'Identifier', 'Discovery endpoint', 'End session endpoint', 'Client ID'],
                array_map(static fn (array $one): array => [
                    $one['id'], $one['identifier'], $one['discoveryEndpoint'], $one['endSessionEndpoint'], $one['clientId'],
                ], $all),
            );
        }
        return 0;
    }

    /** Every provider with its settings, one JSON object after the other. */
    public function list(Input $input, Output $output): int
    {
        foreach ($this->providers->all() as $provider) {
            $about = $provider->describe();
            if ($input->flag('sensitive')) {
                $about['clientId'] = '********';
                $host = (string) parse_url($provider->discovery, PHP_URL_HOST);
                $about['discoveryEndpoint'] = str_replace($host, '********', $provider->discovery);
            }
            $about += ['clientSecret' => '********', 'settings' => $this->providers->settings($provider)];
            $output->data($about, $input->option('output', 'json_pretty'));
        }
        return 0;
    }

    public function delete(Input $input, Output $output): int
    {
        $identifier = (string) $input->argument('identifier');
        $provider = $this->providers->byIdentifier($identifier);
        if ($provider === null) {
            $output->line('Provider not found.');
            return -1;
        }
        $question = "Are you sure you want to delete OpenID Provider \"$identifier\"? It may invalidate all associated user accounts [y/N] ";
        if ($input->flag('force') || strtolower((string) $input->ask($question)) === 'y') {
            $this->providers->delete($provider);
            $output->line("\"$identifier\" has been deleted.");
        }
        return 0;
    }
}
