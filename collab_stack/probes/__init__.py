"""Probes: do what a user does, and say whether it works. One file per service; results are data.

A probe never changes anything that a person would notice. What it makes (a file, a session) it removes.
"""
