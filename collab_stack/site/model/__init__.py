"""What an agency declares, as types. Source of validation, of the JSON Schema and of the generated reference page."""

from collab_stack.site.model.config import SiteConfig
from collab_stack.site.model.hosts import Host, Hosts
from collab_stack.site.model.lock import Lock, LockedArtifact, LockedImage
from collab_stack.site.model.services import External, Services
from collab_stack.site.model.site import Site

__all__ = ["External", "Host", "Hosts", "Lock", "LockedArtifact", "LockedImage", "Services", "Site", "SiteConfig"]
