# GNU General Public License v3.0 or later (see LICENSE)
"""The realm's own fields, its texts, the declared attributes of people, and required actions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial

from ansible.module_utils.collab.keycloak_api import segment
from ansible.module_utils.collab.keycloak_compare import Difference, Json, differences, merged, words
from ansible.module_utils.collab.keycloak_state import Session, State, Step, changed, created, one

_PROFILE_TYPE = "org.keycloak.userprofile.UserProfileProvider"
_PROFILE_KEY = "kc.user.profile.config"


def realm_steps(name: str, wanted: Mapping[str, Json], state: State, *, new: bool) -> list[Step]:
    """Return what makes the realm's fields right.

    :param new: the realm is (in check mode, would be) made in this run, so all its fields are part of that.
    """
    target, apply = f"realm {name}", partial(_write_realm, dict(wanted))
    found = list(differences(wanted, state.export))
    if new:
        return [created(target, apply)] if found else []
    return changed(target, found, apply)


def _write_realm(wanted: dict[str, Json], session: Session) -> None:
    # A PUT resets event expiry, WebAuthn and all attributes that are not in it, so the whole realm is sent back.
    session.call("PUT", "", merged(wanted, session.call("GET", "")))


def localization_steps(wanted: Mapping[str, Mapping[str, str]], state: State) -> list[Step]:
    """Return what makes our texts right; texts that are not ours stay."""
    steps: list[Step] = []
    for locale, texts in wanted.items():
        actual = state.export.get("localizationTexts", {}).get(locale, {})
        found = list(differences(texts, actual))
        steps += changed(f"texts {locale}", found, partial(_write_texts, locale, dict(texts)))
    return steps


def _write_texts(locale: str, texts: dict[str, str], session: Session) -> None:
    for key, text in texts.items():
        session.api.put_text(f"{session.base}/localization/{segment(locale)}/{segment(key)}", text)


def profile_steps(wanted: Sequence[Json], state: State) -> list[Step]:
    """Return what declares our attributes of people; other attributes stay as they are."""
    actual = _profile(state).get("attributes", [])
    found: list[Difference] = []
    for attribute in wanted:
        name = attribute["name"]
        present = one(actual, "name", name)
        if present is None:
            found.append(Difference(f"attribute {name}", "(none)", words(attribute)))
        else:
            found += differences(attribute, present, f"attribute {name}")
    return changed("user profile", found, partial(_write_profile, list(wanted)))


def _profile(state: State) -> dict[str, Json]:
    for component in state.components(_PROFILE_TYPE):
        for text in component.get("config", {}).get(_PROFILE_KEY, []):
            profile: dict[str, Json] = json.loads(text)
            return profile
    return {}


def _write_profile(wanted: list[Json], session: Session) -> None:
    profile = session.call("GET", "/users/profile")
    names = {attribute["name"] for attribute in wanted}
    others = [attribute for attribute in profile["attributes"] if attribute["name"] not in names]
    session.call("PUT", "/users/profile", {**profile, "attributes": [*others, *wanted]})


def required_action_steps(wanted: Sequence[Json], state: State) -> list[Step]:
    """Return what makes required actions right."""
    steps: list[Step] = []
    for action in wanted:
        actual = one(state.export.get("requiredActions", []), "alias", action["alias"])
        found = list(differences(action, actual))
        steps += changed(f"required action {action['alias']}", found, partial(_write_action, action))
    return steps


def _write_action(wanted: Json, session: Session) -> None:
    path = f"/authentication/required-actions/{segment(wanted['alias'])}"
    session.call("PUT", path, merged(wanted, session.call("GET", path)))
