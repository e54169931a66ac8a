#!/usr/bin/python3
"""The agency's mail relay in the lab: takes mails over STARTTLS only, and keeps them in a Maildir."""

from __future__ import annotations

import ssl
import threading

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Mailbox

MAILDIR = "/var/mail/sink/Maildir"
LARGEST = 32 * 1024 * 1024  # bytes


def main() -> None:
    """Serve until stopped."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain("/etc/lab/tls/cert.pem", "/etc/lab/tls/key.pem")
    controller = Controller(
        Mailbox(MAILDIR),
        hostname="",
        port=25,
        tls_context=context,
        require_starttls=True,
        data_size_limit=LARGEST,
        server_hostname="mail",
        ready_timeout=30,
    )
    controller.start()
    threading.Event().wait()


if __name__ == "__main__":
    main()
