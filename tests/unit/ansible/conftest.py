"""Makes the modules and their shared code importable as they are on a host: below ``ansible``."""

from __future__ import annotations

from pathlib import Path

import ansible.module_utils
import ansible.modules

CONTENT = Path(__file__).resolve().parents[3] / "collab_stack" / "ansible"

for package, folder in ((ansible.module_utils, "module_utils"), (ansible.modules, "modules")):
    if str(CONTENT / folder) not in package.__path__:
        package.__path__.append(str(CONTENT / folder))
