"""How Ansible is started and followed, how hosts are reached, and how one run at a time is ensured."""
