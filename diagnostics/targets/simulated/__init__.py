"""The kind `simulator`: the real neonize client against a WhatsApp server of our own on loopback."""
