"""A data centre in containers: hosts to deploy to, and around them what an agency has. For rehearsals and tests."""

from collab_stack.lab.errors import LabError
from collab_stack.lab.lab import Lab
from collab_stack.lab.layout import DOMAIN, OPERATOR, Layout
from collab_stack.lab.progress import Progress

__all__ = ["DOMAIN", "OPERATOR", "Lab", "LabError", "Layout", "Progress"]
