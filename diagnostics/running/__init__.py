"""A run: a plan in, diagnoses out as they are made. Knows nothing of pytest."""
