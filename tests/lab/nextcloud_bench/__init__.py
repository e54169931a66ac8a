"""A bench for the Nextcloud stand-in: database, cache and web server in one container, an identity provider beside it."""
