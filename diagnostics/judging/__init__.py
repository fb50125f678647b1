"""Evidence, mode and time in; a diagnosis out. Pure."""
