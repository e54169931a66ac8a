"""A bench for the Nextcloud stand-in: database, cache and web server, with an identity provider beside them."""
