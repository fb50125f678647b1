"""Diagnostics for WhatsApp sessions: can this session send; if not, why; what does a person do now?"""

__version__ = "0.2.0"
