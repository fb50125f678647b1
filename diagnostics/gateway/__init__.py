"""The HTTP gateway of the troubleshooting guide: sessions on neonize, asked and used over HTTP.

contract.py          what the HTTP side may ask of sessions, whoever holds them
fleet/               the sessions of `wadiag serve`, kept connected in a supervised worker
web/                 FastAPI: routes, problems, metrics, the status page
attached/            health routes inside a bot's own process
client_state.py      what a client's events say, for fleet and attached bots; pure
gateway_settings.py  the [gateway] table, the environment and the command line, merged
access_tokens.py     bearer tokens and their scopes
listen_socket.py     the socket that HTTP is served on
"""

from diagnostics.gateway.attached.attach import attach, health_app

__all__ = ["attach", "health_app"]
