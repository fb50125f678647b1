"""The driver of neonize, the real client library.

Theory of operation. neonize's Go library can segfault or hang, so it runs in a worker process (`worker/`). `process.py`
starts that process and calls it with the messages of `protocol.py`. `observe.py` looks at one session: it reads the
store (`store.py`, `snapshot.py`), then takes the steps of `client_steps.py` on a live client. `interpret.py` translates
the client's events into the model's terms. `pool.py` spreads many sessions over a few workers. `lease.py` keeps two
processes from connecting with the same credentials. `link_store.py` links a new store to an account. `attached.py`
observes a client that belongs to a bot, in the bot's own process.

Everything here returns facts. Whether a session is healthy is decided in `diagnostics.judging`.
"""
