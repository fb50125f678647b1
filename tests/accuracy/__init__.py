"""Accuracy: what is done to a session on purpose, and whether the suite says that. docs/accuracy.md is the table."""
