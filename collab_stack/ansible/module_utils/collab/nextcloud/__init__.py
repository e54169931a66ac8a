# GNU General Public License v3.0 or later (see LICENSE)
"""What the module ``nextcloud_instance`` is made of."""
