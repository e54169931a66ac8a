"""Code that the modules share; it runs on the hosts, with Python's standard library alone."""
