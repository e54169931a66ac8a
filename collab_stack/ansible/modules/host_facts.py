#!/usr/bin/python
# GNU General Public License v3.0 or later (see LICENSE)
"""The few facts that roles use, in one short module execution."""

from __future__ import annotations

import os
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: host_facts
short_description: Read the few facts that roles use
description:
  - Gives a handful of Ansible's own facts, under Ansible's own names. Ansible's C(setup) looks at disks, networks and
    firmware to give these, which takes longer than all else that an unchanged role does.
options: {}
attributes:
  check_mode: {support: full, description: Only reads.}
author: collab-stack
"""

EXAMPLES = r"""
- name: Read the few facts that roles use
  host_facts:
"""

RETURN = r"""
ansible_facts:
  description: Facts; C(memtotal_mb) is what the machine, or the container that plays one, may use.
  returned: always
  type: dict
  sample: {distribution: Debian, distribution_major_version: "13", memtotal_mb: 16000, processor_vcpus: 4,
           architecture: x86_64, service_mgr: systemd, pkg_mgr: apt}
"""

CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def os_release(text: str) -> dict[str, str]:
    """Return the fields of an os-release file."""
    pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))
    return {key: value.strip().strip("\"'") for key, value in pairs}


def total_memory(meminfo: str, limits: list[str]) -> int:
    """Return the usable memory in MiB.

    :param meminfo: content of /proc/meminfo, in KiB.
    :param limits: contents of the control group's limit files, in bytes or C(max).
    """
    fields = dict(line.split(":", 1) for line in meminfo.splitlines() if ":" in line)
    total = int(fields["MemTotal"].split()[0]) // 1024
    return min([total, *(int(limit) // 1024**2 for limit in limits if limit.isdigit() and int(limit) > 0)])


def facts() -> dict[str, object]:
    """Return the facts of this machine."""
    release = os_release(Path("/etc/os-release").read_text(encoding="utf-8"))
    limits = [Path(name).read_text(encoding="ascii").strip() for name in CGROUP_LIMITS if Path(name).is_file()]
    version = release.get("VERSION_ID", "")
    return {
        "distribution": release.get("ID", "").capitalize(),
        "distribution_version": version,
        "distribution_major_version": version.split(".")[0],
        "distribution_release": release.get("VERSION_CODENAME", ""),
        "memtotal_mb": total_memory(Path("/proc/meminfo").read_text(encoding="ascii"), limits),
        "processor_vcpus": os.cpu_count() or 1,
        "architecture": os.uname().machine,
        "service_mgr": "systemd" if Path("/run/systemd/system").is_dir() else "other",
        "pkg_mgr": "apt",
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    module.exit_json(ansible_facts=facts())


if __name__ == "__main__":
    main()
