"""Makes the modules' shared code importable as it is on a host (below ``ansible``), and plans to render roles from."""

from __future__ import annotations

from pathlib import Path

import ansible.module_utils
import ansible.modules

from tests.unit.plan.conftest import make_plan, make_site

__all__ = ["make_plan", "make_site"]

CONTENT = Path(__file__).resolve().parents[2] / "collab_stack" / "ansible"

for package, folder in ((ansible.module_utils, "module_utils"), (ansible.modules, "modules")):
    if str(CONTENT / folder) not in package.__path__:
        package.__path__.append(str(CONTENT / folder))
