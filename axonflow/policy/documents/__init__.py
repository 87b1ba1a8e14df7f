"""Policy documents as people write them: read, filled in from templates, checked field by field, and worth a word."""
