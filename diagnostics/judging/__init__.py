"""Judge evidence: turn it into a diagnosis. Pure."""
