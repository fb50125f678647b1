"""The HTTP gateway of the troubleshooting guide: sessions on neonize, asked and used over HTTP.

contract.py     what the HTTP side may ask of sessions, whoever holds them
fleet/          the sessions of `wadiag serve`, in a supervised worker
web/            FastAPI: routes, tokens, problems, metrics, the status page
attach.py       health routes inside a bot's own process; bot.py says how the bot is
"""

from diagnostics.gateway.attached.attach import attach, health_app

__all__ = ["attach", "health_app"]
