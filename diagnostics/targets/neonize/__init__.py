"""A session in a neonize store: read passively, or looked at through the real client in a process of its own."""
