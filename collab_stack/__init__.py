"""collab-stack: meetings, chat and documents behind one login, in the agency's own data centre."""

__version__ = "0.1.0"
