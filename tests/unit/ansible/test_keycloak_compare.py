"""What counts as a difference between a wanted and an actual representation of Keycloak."""

from __future__ import annotations

import pytest
from ansible.module_utils.collab import keycloak_compare
from ansible.module_utils.collab.keycloak_compare import Difference, Json, differences, merged


def aspects(wanted: Json, actual: Json) -> list[str]:
    return [item.aspect for item in differences(wanted, actual)]


@pytest.mark.parametrize(
    ("wanted", "actual"),
    [
        ({"enabled": True}, {"enabled": True, "id": "1", "notBefore": 0}),
        ({"attributes": {"a": True, "b": 300}}, {"attributes": {"a": "true", "b": "300", "realm_client": "false"}}),
        ({"redirectUris": ["b", "a"]}, {"redirectUris": ["a", "b"]}),
        ({"attributes": {"a": ""}}, {"attributes": {}}),
        ({"attributes": {"a": ""}}, {}),
        ({"config": {"filter": [""]}}, {"config": {}}),
        ({"webOrigins": []}, {"webOrigins": None}),
        ({"passwordPolicy": "length(14) and notUsername"}, {"passwordPolicy": "notUsername(undefined) and length(14)"}),
        (
            {"attributes": {"post.logout.redirect.uris": "https://a##https://b"}},
            {"attributes": {"post.logout.redirect.uris": "https://b##https://a"}},
        ),
    ],
)
def test_what_keycloak_reorders_types_or_drops_is_no_difference(wanted: Json, actual: Json) -> None:
    assert aspects(wanted, actual) == []


@pytest.mark.parametrize(
    ("wanted", "actual", "aspect"),
    [
        ({"enabled": True}, {"enabled": False}, "enabled"),
        ({"enabled": False}, {}, "enabled"),
        ({"redirectUris": ["a"]}, {"redirectUris": ["a", "https://*"]}, "redirectUris"),
        ({"redirectUris": []}, {"redirectUris": ["a"]}, "redirectUris"),
        ({"attributes": {"a": "x"}}, {"attributes": {"a": "X"}}, "attributes.a"),
        ({"passwordPolicy": "length(14)"}, {"passwordPolicy": "length(4)"}, "passwordPolicy"),
        (
            {"smtpServer": {"password": "${vault.mail}"}},
            {"smtpServer": {"password": "**********"}},
            "smtpServer.password",
        ),
    ],
)
def test_what_means_something_else_is_one(wanted: Json, actual: Json, aspect: str) -> None:
    assert aspects(wanted, actual) == [aspect]


def test_a_difference_tells_both_values_in_one_line() -> None:
    found = list(differences({"a": ["y", "x"], "b": "line\nbreak"}, {"a": None, "b": "z" * 300}))
    assert found[0] == Difference("a", "(none)", "x, y")
    assert found[1].after == "line break"
    assert len(found[1].before) == 200


def test_merging_keeps_what_is_not_wanted_and_replaces_lists() -> None:
    actual = {"id": "1", "attributes": {"kept": "1", "changed": "old"}, "uris": ["a", "b"]}
    wanted = {"attributes": {"changed": "new"}, "uris": ["c"]}
    assert merged(wanted, actual) == {"id": "1", "attributes": {"kept": "1", "changed": "new"}, "uris": ["c"]}
    assert actual["attributes"] == {"kept": "1", "changed": "old"}


def test_components_have_lists_of_texts() -> None:
    assert keycloak_compare.lists({"a": True, "b": ["x", 1]}) == {"a": ["true"], "b": ["x", "1"]}
