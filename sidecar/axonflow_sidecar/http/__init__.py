"""The HTTP door: applications, routes, keys, the contract's words, and the server that carries them."""
