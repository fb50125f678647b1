"""The sessions of `wadiag serve`: real neonize clients in one supervised worker.

fleet.py        `Fleet`, which implements `contract.Sessions`
session.py      one session's life: connect, hear, decide, connect again
looking.py      how a session is: observations from memory, or asked now
pairing.py      QR and pairing codes
sending.py      messages and how far they are known to have come
reconnect.py    what follows from a loss; pure
known.py        what a session's client has said so far; pure
supervisor.py   the worker: started, watched, started again
records.py      what survives a restart (SQLAlchemy Core)
stores.py       where the clients' own stores are: files, or a PostgreSQL database
owner.py        one process owns it all
"""
