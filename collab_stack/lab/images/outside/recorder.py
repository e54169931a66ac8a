#!/usr/bin/python3
"""Plays the internet: answers on a few TCP ports, and writes down every packet that arrives, for whatever address.

One JSON object per packet in /var/log/packets.jsonl: time (seconds since 1970), source, destination, protocol, port.
"""

from __future__ import annotations

import ipaddress
import json
import os
import selectors
import socket
import struct
import subprocess
import time

LOG = "/var/log/packets.jsonl"
LIMIT = 64 * 1024 * 1024  # bytes; a runaway sender must not fill the disk
PORTS = (25, 53, 80, 443, 8080)
PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmp6"}
ETH_P_ALL, ETH_P_IP, ETH_P_IPV6, PACKET_OUTGOING = 3, 0x0800, 0x86DD, 4
IPV6_NEXT_HEADER, IPV6_HEADER_LENGTH = 6, 40
NEIGHBOUR_MESSAGES = range(133, 138)  # of ICMPv6: how neighbours find each other, not traffic to the outside


def parse(kind: int, packet: bytes) -> dict[str, object] | None:
    """Return what is written down about a packet; None for what only keeps the network itself running."""
    if kind == ETH_P_IP and len(packet) >= 20:
        header = (packet[0] & 15) * 4
        source, destination, protocol = packet[12:16], packet[16:20], packet[9]
    elif kind == ETH_P_IPV6 and len(packet) >= IPV6_HEADER_LENGTH:
        header = IPV6_HEADER_LENGTH
        source, destination, protocol = packet[8:24], packet[24:40], packet[IPV6_NEXT_HEADER]
    else:
        return None
    address = ipaddress.ip_address(destination)
    rest = packet[header:]
    if address.is_multicast or (protocol == 58 and rest and rest[0] in NEIGHBOUR_MESSAGES):
        return None
    port = struct.unpack("!H", rest[2:4])[0] if protocol in (6, 17) and len(rest) >= 4 else None
    return {
        "time": time.time(),
        "source": str(ipaddress.ip_address(source)),
        "destination": str(address),
        "protocol": PROTOCOLS.get(protocol, str(protocol)),
        "port": port,
    }


def listeners() -> list[socket.socket]:
    """Return listening sockets, each for both address families."""
    return [socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True) for port in PORTS]


def main() -> None:
    """Record and answer until killed."""
    for version, name in ((4, "GATEWAY"), (6, "GATEWAY6")):
        agency = os.environ["AGENCY" if version == 4 else "AGENCY6"]
        subprocess.run(["ip", f"-{version}", "route", "replace", agency, "via", os.environ[name]], check=True)
    selector = selectors.DefaultSelector()
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
    selector.register(wire, selectors.EVENT_READ, None)
    for server in listeners():
        selector.register(server, selectors.EVENT_READ, "server")
    with open(LOG, "a", buffering=1, encoding="ascii") as log:  # noqa: PTH123 - no need for pathlib in an image
        while True:
            for key, _ in selector.select():
                if isinstance(key.fileobj, socket.socket) and key.data == "server":
                    connection, _ = key.fileobj.accept()
                    connection.sendall(b"outside\n")
                    connection.close()
                    continue
                packet, meta = wire.recvfrom(65535)
                found = parse(meta[1], packet) if meta[2] != PACKET_OUTGOING and meta[0] != "lo" else None
                if found is not None and log.tell() < LIMIT:
                    log.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
