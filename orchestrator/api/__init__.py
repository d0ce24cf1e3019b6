"""Pages over HTTP: small ASGI applications, to be mounted by whoever serves more."""
