"""The API's common parts (A4)."""
