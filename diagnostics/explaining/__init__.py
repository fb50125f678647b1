"""Pasted text in; causes of the catalogue out. Pure."""
