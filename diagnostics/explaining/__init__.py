"""Find causes of the catalogue in pasted text. Pure."""
