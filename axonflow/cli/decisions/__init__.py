"""Commands about decisions: of one request, and of a whole file of them."""
