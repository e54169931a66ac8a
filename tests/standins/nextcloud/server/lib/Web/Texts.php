<?php
declare(strict_types=1);

namespace Standin\Web;

use Standin\Server;

/** The few sentences people see, in the languages of the project. */
final class Texts
{
    private const TEXTS = [
        'login' => ['en' => 'Log in', 'sv' => 'Logga in', 'da' => 'Log ind'],
        'name' => ['en' => 'Account name or email', 'sv' => 'Användarnamn eller e-post', 'da' => 'Brugernavn eller e-mail'],
        'password' => ['en' => 'Password', 'sv' => 'Lösenord', 'da' => 'Adgangskode'],
        'wrong' => ['en' => 'Wrong login or password.', 'sv' => 'Fel användarnamn eller lösenord.', 'da' => 'Forkert brugernavn eller adgangskode.'],
        'login_with' => ['en' => 'Log in with', 'sv' => 'Logga in med', 'da' => 'Log ind med'],
        'files' => ['en' => 'Files', 'sv' => 'Filer', 'da' => 'Filer'],
        'logout' => ['en' => 'Log out', 'sv' => 'Logga ut', 'da' => 'Log ud'],
        'empty' => ['en' => 'No files in here', 'sv' => 'Inga filer här', 'da' => 'Ingen filer her'],
        'maintenance' => ['en' => 'This instance is currently in maintenance mode, which may take a while.',
            'sv' => 'Den här instansen är i underhållsläge, vilket kan ta en stund.',
            'da' => 'Denne instans er i vedligeholdelsestilstand, hvilket kan tage et stykke tid.'],
        'upgrade' => ['en' => 'Update needed. Please use the command line updater.', 'sv' => 'Uppdatering krävs.', 'da' => 'Opdatering nødvendig.'],
        'untrusted' => ['en' => 'Access through untrusted domain', 'sv' => 'Åtkomst från en ej betrodd domän', 'da' => 'Adgang gennem et ikke-betroet domæne'],
        'not_found' => ['en' => 'Page not found', 'sv' => 'Sidan hittades inte', 'da' => 'Siden blev ikke fundet'],
        'internal_error' => ['en' => 'Internal Server Error', 'sv' => 'Internt serverfel', 'da' => 'Intern serverfejl'],
    ];

    public static function language(): string
    {
        $config = Server::config();
        foreach (['force_language', 'default_language'] as $key) {
            if (in_array($config->text($key), ['sv', 'da', 'en'], true)) {
                return $config->text($key);
            }
        }
        return 'en';
    }

    public static function of(string $key): string
    {
        return self::TEXTS[$key][self::language()];
    }
}
