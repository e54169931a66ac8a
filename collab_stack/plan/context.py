"""What a role's variables are computed from: the site, the catalogue, and what the plan derived from both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from collab_stack.plan import addresses, names, networks
from collab_stack.plan.definitions import is_container

if TYPE_CHECKING:
    from collab_stack.catalogue import Catalogue
    from collab_stack.plan.model import ContainerNetwork, Flow
    from collab_stack.plan.placement import Placement
    from collab_stack.site import External, Lock, SiteConfig


@dataclass(frozen=True, slots=True)
class Context:
    """Read-only view for ``collab_stack/plan/variables/<role>.py``.

    A variables function gets a context and a host and returns the role's variables; it asks here instead of reading
    the site's files or computing a name, an address or a port itself, so that all roles agree.

    :param config: the parsed site.yml.
    :param catalogue: what collab-stack ships: components and their versions.
    :param lock: the parsed images.lock.
    :param placement: which host carries what.
    :param flows: the whole flow table of the site.
    """

    config: SiteConfig
    catalogue: Catalogue
    lock: Lock
    placement: Placement
    flows: tuple[Flow, ...]

    def hosts(self, service: str) -> tuple[str, ...]:
        """Return the hosts that carry a service, in the order of hosts.yml; empty when external or not enabled."""
        return self.placement.hosts(service)

    def host_services(self, host: str) -> tuple[str, ...]:
        """Return the services on a host, in the order of :data:`collab_stack.plan.placement.SERVICES`."""
        return self.placement.host_services(host)

    def address(self, host: str) -> str:
        """Return a host's IPv4 address, as hosts.yml gives it in ``ansible_host``."""
        return self.placement.address(host)

    def internal_name(self, service: str) -> str:
        """Return the name that clients inside the stack use, and that the service's certificate carries.

        ``<service>.collab.internal``; for an external service the address that the site declares.
        """
        return names.internal_name(self.placement, service)

    def public_name(self, service: str) -> str:
        """Return the name people use, such as ``files.agency.example``.

        :raises KeyError: when nobody outside the stack opens the service.
        """
        return names.public_name(self.config, self.placement, service)

    def url(self, service: str) -> str:
        """Return ``https://`` and the public name (with the port, when an external one is not 443).

        :raises KeyError: when nobody outside the stack opens the service.
        """
        return names.url(self.config, self.placement, service)

    def network(self, service: str) -> ContainerNetwork:
        """Return the bridge network of a container service.

        :raises KeyError: when the service does not run in a container.
        """
        return networks.network(self.config, service)

    def publish_address(self, service: str, host: str) -> str:
        """Return the address on which ``host`` offers the service's port.

        ``127.0.0.1`` when each of its clients is a process of the same host. A client in a container has a network
        namespace of its own and cannot reach the host's loopback, so it counts as coming from elsewhere.
        """
        return addresses.publish_address(self.flows, self.placement, service, host)

    def client_networks(self, flow: Flow, host: str) -> tuple[str, ...]:
        """Return the networks, in CIDR form, from which ``host`` sees the clients of a flow come.

        A container on the same host comes with an address of its own network, one on another host behind that host's
        (Docker masquerades it). What an outside party or an external service declares is returned as it is.
        """
        return tuple(
            self.network(flow.source).subnet
            if source == host and is_container(flow.source)
            else f"{self.address(source)}/32"
            for source in flow.source_hosts
        ) + tuple(flow.source_addresses)

    def secret(self, name: str) -> str:
        """Return the Jinja text that Ansible replaces by the secret; the value itself is never in a plan."""
        return f"{{{{ collab_secrets.{name} }}}}"

    def site_file(self, name: str) -> str:
        """Return the Jinja text that Ansible replaces by the content of a file of the site; a vault comes decrypted.

        :param name: relative to the site, such as ``tls/internal-ca.pem``.
        """
        return f"{{{{ lookup('ansible.builtin.file', collab_site_dir ~ '/{name}', rstrip=false) }}}}"

    def image(self, component: str) -> str:
        """Return ``reference@sha256:…`` from images.lock, or the catalogue's bare reference while it is not locked.

        The bare one lets ``plan`` work before ``images lock``; ``deploy`` refuses it (:attr:`Plan.unlocked`).
        """
        return names.image(self.catalogue, self.lock, component)

    def external(self, service: str) -> External | None:
        """Return where the agency's own service is, or None when the stack carries it."""
        return self.placement.external(service)
