"""A real Keycloak to reconcile. Makes the modules' shared code importable as it is on a host: below ``ansible``."""

from __future__ import annotations

import ansible.module_utils

from collab_stack import paths

_FOLDER = str(paths.ansible_content() / "module_utils")
if _FOLDER not in ansible.module_utils.__path__:
    ansible.module_utils.__path__.append(_FOLDER)
