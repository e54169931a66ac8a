<?php
/** Build step: gives the code its version, makes the shipped apps' folders, and seeds Nextcloud's own CA bundle. */
declare(strict_types=1);

$root = '/usr/src/nextcloud';
$version = $argv[1];
if (preg_match('/^\d+\.\d+\.\d+$/', $version) !== 1) {
    fwrite(STDERR, "NEXTCLOUD_VERSION must be like 34.0.2, got \"$version\"\n");
    exit(1);
}
$numbers = str_replace('.', ', ', $version) . ', 1';
file_put_contents("$root/version.php", "<?php\n\$OC_Version = [$numbers];\n\$OC_VersionString = '$version';\n"
    . "\$OC_Channel = 'stable';\n\$vendor = 'nextcloud';\n");

$major = strtok($version, '.');
$types = ['dav' => 'filesystem', 'files' => 'filesystem', 'provisioning_api' => 'prevent_group_restriction'];
foreach (json_decode(file_get_contents("$root/core/shipped.json"), true, flags: JSON_THROW_ON_ERROR) as $ids) {
    foreach ($ids as $id) {
        @mkdir("$root/apps/$id/appinfo", 0755, true);
        $type = isset($types[$id]) ? "<types><{$types[$id]}/></types>" : '';
        file_put_contents("$root/apps/$id/appinfo/info.xml", "<?xml version=\"1.0\"?>\n<info><id>$id</id>"
            . "<version>$version</version>$type<dependencies>"
            . "<nextcloud min-version=\"$major\" max-version=\"$major\"/></dependencies></info>\n");
    }
}

// Upstream ships Mozilla's list. The stand-in trusts no public authority at all: only what occ imports counts.
@mkdir("$root/resources/config", 0755, true);
$key = openssl_pkey_new(['private_key_bits' => 2048, 'private_key_type' => OPENSSL_KEYTYPE_RSA]);
$request = openssl_csr_new(['commonName' => 'Placeholder of the shipped CA bundle'], $key);
openssl_x509_export(openssl_csr_sign($request, null, $key, 3650), $text);
file_put_contents("$root/resources/config/ca-bundle.crt", $text);
