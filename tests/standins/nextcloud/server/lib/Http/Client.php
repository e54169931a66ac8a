<?php
declare(strict_types=1);

namespace Standin\Http;

use CurlHandle;
use Standin\Config;
use Standin\Refused;
use Standin\Security\Certificates;

/** Outgoing HTTP as Nextcloud does it: own certificate bundle, no private address unless the configuration allows it. */
final class Client
{
    private const TIMEOUT_S = 30;
    private const LOCAL_ENDINGS = ['local', 'localhost', 'intranet', 'internal', 'private', 'corp', 'home', 'lan'];

    public function __construct(private Config $config, private Certificates $certificates)
    {
    }

    /** @throws Refused when it cannot be reached, is not trusted, is a local address, or does not answer 2xx */
    public function get(string $url): string
    {
        [$status, $body] = $this->send($this->handle($url));
        return $status >= 200 && $status < 300 ? $body : throw new Refused("GET $url answered $status");
    }

    /**
     * @param array<string, string> $form
     * @param list<string> $headers
     * @return array{int, string} status and body
     */
    public function post(string $url, array $form, array $headers = []): array
    {
        $handle = $this->handle($url);
        curl_setopt_array($handle, [
            CURLOPT_POST => true,
            CURLOPT_POSTFIELDS => http_build_query($form),
            CURLOPT_HTTPHEADER => $headers,
        ]);
        return $this->send($handle);
    }

    private function handle(string $url): CurlHandle
    {
        if (!$this->config->flag('allow_local_remote_servers')) {
            $this->refuseLocal((string) parse_url($url, PHP_URL_HOST));
        }
        $handle = curl_init($url);
        $verify = !$this->verificationOff();
        curl_setopt_array($handle, [
            CURLOPT_RETURNTRANSFER => true,
            CURLOPT_TIMEOUT => self::TIMEOUT_S,
            CURLOPT_CAINFO => $this->certificates->bundle(),
            CURLOPT_CAPATH => '/nonexistent',
            CURLOPT_SSL_VERIFYPEER => $verify,
            CURLOPT_SSL_VERIFYHOST => $verify ? 2 : 0,
            CURLOPT_USERAGENT => 'Nextcloud-Server-Crawler',
            CURLOPT_PROTOCOLS_STR => 'http,https',
        ]);
        return $handle;
    }

    /** @return array{int, string} */
    private function send(CurlHandle $handle): array
    {
        $body = curl_exec($handle);
        if ($body === false) {
            throw new Refused('cURL error ' . curl_errno($handle) . ': ' . curl_error($handle));
        }
        return [curl_getinfo($handle, CURLINFO_RESPONSE_CODE), (string) $body];
    }

    private function verificationOff(): bool
    {
        $allow = $this->config->list('user_oidc')['httpclient.allowselfsigned'] ?? false;
        return $this->config->flag('debug') || !in_array($allow, [false, 'false', 0, '0'], true);
    }

    private function refuseLocal(string $host): void
    {
        $host = trim(strtolower($host), '[].');
        $labels = explode('.', $host);
        $isAddress = filter_var($host, FILTER_VALIDATE_IP) !== false;
        $local = !$isAddress && (count($labels) === 1 || in_array(end($labels), self::LOCAL_ENDINGS, true));
        $addresses = $isAddress ? [$host] : (gethostbynamel($host) ?: []);
        foreach ($addresses as $address) {
            $local = $local || filter_var(
                $address,
                FILTER_VALIDATE_IP,
                FILTER_FLAG_NO_PRIV_RANGE | FILTER_FLAG_NO_RES_RANGE,
            ) === false || self::carrierGrade($address);
        }
        if ($local) {
            throw new Refused("Host \"$host\" violates local access rules");
        }
    }

    /**
     * 100.64/10 and 192.0.0/24 as upstream. 198.18/15 is not in upstream's list: it is what the lab uses in place of an
     * agency's private addresses, so leaving out allow_local_remote_servers must fail there as it would in an agency.
     */
    private static function carrierGrade(string $address): bool
    {
        $number = ip2long($address);
        foreach (['100.64.0.0' => 10, '192.0.0.0' => 24, '198.18.0.0' => 15] as $network => $bits) {
            if ($number !== false && ($number >> (32 - $bits)) === (ip2long($network) >> (32 - $bits))) {
                return true;
            }
        }
        return false;
    }
}
