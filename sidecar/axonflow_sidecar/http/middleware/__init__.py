"""What stands around every route, one plain ASGI callable a module."""
