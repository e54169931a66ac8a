<?php
declare(strict_types=1);

namespace Standin\Console\Commands;

use Standin\Console\Input;
use Standin\Console\Output;
use Standin\Server;

/** theming:config — the instance's name, colours and links; stored as settings of the app theming. */
final class Theming
{
    private const KEYS = ['name', 'url', 'imprintUrl', 'privacyUrl', 'slogan', 'color', 'primary_color', 'background_color',
        'disable-user-theming', 'background', 'logo', 'logoheader', 'favicon'];
    private const DEFAULTS = ['name' => 'Nextcloud', 'url' => 'https://nextcloud.com', 'primary_color' => '#00679e'];

    public static function config(Input $input, Output $output): int
    {
        [$key, $value] = [$input->argument('key'), $input->argument('value')];
        $settings = Server::appConfig();
        if ($key === null) {
            $output->line('Current theming config:');
            foreach (self::KEYS as $name) {
                $output->line("- $name: " . $settings->get('theming', $name));
            }
            return 0;
        }
        if (!in_array($key, self::KEYS, true)) {
            $output->line('Invalid config key provided');
            return 1;
        }
        if ($input->flag('reset')) {
            $settings->delete('theming', $key);
            $output->line("Reset $key to " . (self::DEFAULTS[$key] ?? ''));
            return 0;
        }
        if ($value === null) {
            $output->line("$key is currently set to " . $settings->get('theming', $key));
            return 0;
        }
        if (str_contains($key, 'color') && preg_match('/^#([0-9a-f]{3}|[0-9a-f]{6})$/i', $value) !== 1) {
            $output->line("The given color is invalid: $value");
            return 1;
        }
        $settings->set('theming', $key, $value, $settings->type('theming', $key) ?? 'string');
        $output->line("Updated $key to $value");
        return 0;
    }
}
