"""Language models over HTTP: what is sent is decided by one module a provider, sending it is the same for all."""
