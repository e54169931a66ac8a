"""Edits of site.yml that are refused."""

from __future__ import annotations

from tests.unit.site.sites import Edit

SITE_EDITS = {
    "unknown key": Edit(
        "site.yml", "organisation:", "organization:", "organization:", "organization", "unknown key", "`organisation`"
    ),
    "unknown key below": Edit(
        "site.yml", "  relay:", "  rely: x\n  relay:", "rely", "mail.rely", "unknown key `rely`", "did you mean `relay`"
    ),
    "unknown key without neighbour": Edit(
        "site.yml", "  relay:", "  zzz: x\n  relay:", "zzz", "mail.zzz", "unknown key", "known here: `relay`, `port`"
    ),
    "missing key": Edit(
        "site.yml", "  sender: files@agency.example\n", "", "mail:", "mail.sender", "`sender` is missing", "add it"
    ),
    "text for a number": Edit(
        "site.yml", "  sender:", '  port: "25"\n  sender:', "port:", "mail.port", "not a whole number", "quotes: 25"
    ),
    "number for text": Edit(
        "site.yml", "name: Example Agency", "name: 12", "name: 12", "organisation.name", "`12` is not text", '"12"'
    ),
    "text for a truth": Edit(
        "site.yml", "  sender:", '  starttls: "true"\n  sender:', "starttls", "mail.starttls", "true or false", "true"
    ),
    "text for a list": Edit(
        "site.yml", "[ntp.agency.example]", "ntp.agency.example", "  servers:", "time.servers", "is not a list", "NTP"
    ),
    "list for a group": Edit(
        "site.yml",
        "dns:\n  resolvers: [10.20.0.53]",
        "dns:\n  - 10.20.0.53",
        "dns:",
        "dns",
        "a list is not a group of keys",
        "Name resolution",
    ),
    "no value": Edit(
        "site.yml", "relay: mail.agency.example", "relay:", "relay:", "mail.relay", "no value is given", "give text"
    ),
    "empty list": Edit("site.yml", "[ntp.agency.example]", "[]", "  servers:", "time.servers", "is empty", "NTP"),
    "out of range": Edit(
        "site.yml", "  sender:", "  port: 70000\n  sender:", "port:", "mail.port", "less than or equal to 65535", "TCP"
    ),
    "duplicate key": Edit(
        "site.yml",
        "  sender:",
        "  relay: other.agency.example\n  sender:",
        "  relay: other",
        "mail.relay",
        "given twice, first on line 17",
        "keep one",
    ),
    "tab": Edit("site.yml", "  relay:", "\trelay:", "\trelay", "", "a tab", "use spaces"),
    "not YAML": Edit(
        "site.yml", "  relay: m", "  relay: : m", "  relay: :", "", "this is not YAML", "look at the line"
    ),
    "unclosed quote": Edit("site.yml", '"02:00"', '"02:00', '  start: "', "", "unexpected end", "look at the line"),
    "several documents": Edit("site.yml", "mail:", "---\nmail:", "---", "", "a second document", "keep one document"),
    "YAML tag": Edit(
        "site.yml",
        "domain: agency",
        "domain: !!python/object/apply:os.system agency",
        "domain:",
        "domain",
        "a YAML tag",
        "plain value",
    ),
    "local tag": Edit(
        "site.yml", "10.20.0.0/16", "!vault 10.20.0.0/16", "!vault", "networks.in_house[0]", "YAML tag", "plain value"
    ),
    "directive": Edit("site.yml", "domain: a", "%YAML 1.1\n---\ndomain: a", "%YAML", "", "directives", "remove"),
    "anchor": Edit("site.yml", "mail:", "mail: &x", "mail: &x", "mail", "an anchor (&x)", "remove it"),
    "alias": Edit("site.yml", "[10.20.9.0/24]", "*all", "*all", "networks.management", "an alias (*all)", "write the"),
    "merge key": Edit("site.yml", "mail:\n", "mail:\n  <<: {port: 25}\n", "<<", "mail.<<", "unknown key `<<`", "relay"),
    "country no": Edit(
        "site.yml", '"SE"', "no", "country: no", "organisation.country", "a bare `no` as false", 'in quotes: "NO"'
    ),
    "country NO": Edit(
        "site.yml", '"SE"', "NO", "country: NO", "organisation.country", "a bare `NO` as false", 'in quotes: "NO"'
    ),
    "country in words": Edit(
        "site.yml", '"SE"', "Sweden", "country:", "organisation.country", "does not have the form", "for example SE"
    ),
    "yes for true": Edit(
        "site.yml", "  sender:", "  starttls: yes\n  sender:", "starttls", "mail.starttls", "bare `yes`", "write true"
    ),
    "sexagesimal time": Edit(
        "site.yml", '"02:00"', "02:00", "02:00", "maintenance.start", "another base", 'put it in quotes: "02:00"'
    ),
    "unknown language": Edit(
        "site.yml", "language: sv", "language: se", "language", "organisation.language", "not known", "`sv`, `da`, `en`"
    ),
    "domain with a scheme": Edit(
        "site.yml",
        "domain: agency.example",
        "domain: https://agency.example",
        "domain:",
        "domain",
        "`https://agency.example` is refused",
        "bare name, without a scheme",
    ),
    "domain with a path": Edit(
        "site.yml", "domain: agency.example", "domain: agency.example/x", "domain:", "domain", "refused", "a path"
    ),
    "domain in capitals": Edit(
        "site.yml", "domain: agency.example", "domain: Agency.example", "domain:", "domain", "refused", "lower case"
    ),
    "host bits": Edit(
        "site.yml",
        "10.20.0.0/16",
        "10.20.0.1/16",
        "10.20.0.1",
        "networks.in_house[0]",
        "`10.20.0.1/16` is not a network",
        "did you mean 10.20.0.0/16?",
    ),
    "no network": Edit(
        "site.yml", "10.20.0.0/16", "office", "- office", "networks.in_house[0]", "not a network", "the agency's own"
    ),
    "template expression": Edit(
        "site.yml",
        "name: Example Agency",
        "name: \"{{ lookup('pipe', 'id') }}\"",
        "name:",
        "organisation.name",
        "template expressions are not evaluated",
        "plain value",
    ),
    "template statement": Edit(
        "site.yml",
        "name: Example Agency",
        'name: "{% if 1 %}"',
        "name:",
        "organisation.name",
        "template",
        "plain value",
    ),
    "template in a key": Edit(
        "site.yml", "  relay:", '  "{{ x }}": 1\n  relay:', "{{", "mail.{{ x }}", "a key holds", "plain"
    ),
    "reference to a secret in site.yml": Edit(
        "site.yml",
        "name: Example Agency",
        'name: "{{ collab_secrets.mail_password }}"',
        "name:",
        "organisation.name",
        "template",
        "plain value",
    ),
    "escaped control character": Edit(
        "site.yml",
        "name: Example Agency",
        'name: "Example\\nAgency"',
        "name:",
        "organisation.name",
        "does not have the form",
        "Name as people",
    ),
    "path outside tls": Edit(
        "site.yml",
        "  ca: tls/ca.pem\nmail",
        "  ca: tls/../x\nmail",
        "tls/..",
        "tls.ca",
        "the form",
        "tls/agency-chain.pem",
    ),
    "tls keys without mode": Edit(
        "site.yml", "mode: files", "mode: internal", "tls:", "tls", "go with mode `files`", "change one of the keys"
    ),
    "service that another needs": Edit(
        "site.yml",
        "  keycloak:\n",
        "  valkey:\n    enabled: false\n  keycloak:\n",
        "services:",
        "services",
        "nextcloud needs valkey",
        "change one of the keys",
    ),
    "version unknown": Edit(
        "site.yml",
        "    storage:",
        '    version: "1.2.3"\n    storage:',
        "version:",
        "services.nextcloud.version",
        "the catalogue does not know nextcloud 1.2.3",
        "known: 34.0.2, 33.0.10",
    ),
    "version as a number": Edit(
        "site.yml",
        "    storage:",
        "    version: 26.7\n    storage:",
        "version:",
        "services.nextcloud.version",
        "`26.7` is not text",
        'quotes: "26.7"',
    ),
    "storage kind unknown": Edit(
        "site.yml", "kind: local", "kind: s4", "kind:", "services.nextcloud.storage.kind", "`s4` is not known", "`s3`"
    ),
    "environment unknown": Edit(
        "site.yml",
        "KC_LOG_LEVEL",
        "KC_LOG_LEVLE",
        "KC_LOG_LEVLE",
        "services.keycloak.extra.environment.KC_LOG_LEVLE",
        "keycloak does not read `KC_LOG_LEVLE`",
        "did you mean `KC_LOG_LEVEL`?",
    ),
    "secret in the environment": Edit(
        "site.yml",
        "KC_LOG_LEVEL",
        "KC_DB_PASSWORD",
        "KC_DB_PASSWORD",
        "services.keycloak.extra.environment.KC_DB_PASSWORD",
        "is a secret",
        "version control",
    ),
    "setting unknown": Edit(
        "site.yml",
        "loglevel:",
        "log_level:",
        "log_level",
        "services.nextcloud.extra.settings.log_level",
        "no system setting `log_level`",
        "did you mean `loglevel`?",
    ),
    "setting of another type": Edit(
        "site.yml",
        "loglevel: 2",
        "loglevel: true",
        "loglevel",
        "services.nextcloud.extra.settings.loglevel",
        "is not a whole number",
        "give a whole number",
    ),
    "group for users and admins": Edit(
        "site.yml",
        "  user_groups: [staff]",
        "  user_groups: [staff]\n  admin_groups: [staff]",
        "sso:",
        "sso",
        "'staff' is in both",
        "change one of the keys",
    ),
    "realm master": Edit("site.yml", "realm: agency", "realm: master", "sso:", "sso", "Keycloak's own", "change one"),
    "server setting unknown": Edit(
        "site.yml",
        "services:\n",
        "services:\n  postgresql:\n    extra:\n      settings:\n        work_memory: 8MB\n",
        "work_memory",
        "services.postgresql.extra.settings.work_memory",
        "postgresql has no setting `work_memory`",
        "did you mean `work_mem`?",
    ),
    "server setting that the plan decides": Edit(
        "site.yml",
        "services:\n",
        "services:\n  valkey:\n    extra:\n      settings:\n        tls-port: 1\n",
        "tls-port",
        "services.valkey.extra.settings.tls-port",
        "the stack decides `tls-port` itself",
        "remove it",
    ),
    "server setting that is a secret": Edit(
        "site.yml",
        "services:\n",
        "services:\n  valkey:\n    extra:\n      settings:\n        requirepass: x\n",
        "requirepass",
        "services.valkey.extra.settings.requirepass",
        "`requirepass` is a secret",
        "version control",
    ),
}
