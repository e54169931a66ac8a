#!/bin/sh
# Written by collab-stack. Starts chronyd; without the right to set the clock (CAP_SYS_TIME is bit 25) it only measures,
# so that the probe still sees how far the clock is off.
set -eu
capabilities=$(sed -n 's/^CapBnd:[[:space:]]*//p' /proc/self/status)
if [ $((0x$capabilities >> 25 & 1)) -eq 0 ]; then
  set -- -x "$@"
fi
exec /usr/sbin/chronyd "$@"
