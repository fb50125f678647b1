"""The sessions of `wadiag serve`: real neonize clients, kept connected in one supervised worker.

fleet.py              `Fleet`, which implements `contract.Sessions`: start, close, and what callers may ask
session_table.py      sessions by name, and when one can be used
session.py            one session: its client is opened, lost, and opened again or not
session_state.py      what is known about it, for whoever reads it
session_observer.py   how it is: observations from memory, or asked now
session_log.py        what the log says about it
session_lease.py      the right to use its store
session_linker.py     QR and pairing codes
recent_sends.py       what the last messages say about a session
state_watch.py        whether the state can be written
message_sender.py     messages on their way; message_tracker.py remembers how far each has come
reconnect_policy.py   what follows from a loss; pure
worker_supervisor.py  a worker: started, watched, started again
worker_isolation.py   which worker a session is in: the shared one, or one of its own while its client is suspected
records.py            what survives a restart (SQLAlchemy Core)
client_stores.py      where the clients' own stores are: files, or a PostgreSQL database
state_owner.py        one process owns it all
dependencies.py       what all sessions use; changes.py publishes what changes
"""
