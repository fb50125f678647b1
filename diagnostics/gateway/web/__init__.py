"""The gateway over HTTP: FastAPI on whatever keeps `diagnostics.gateway.contract`.

app.py          puts the parts together
gate.py         what every request passes: token, size, log line
tokens.py       bearer tokens and their scopes
problems.py     every error that is answered, in English and Indonesian; errors.py makes responses of them
health.py       how a session is
pairing.py      QR and pairing codes
sending.py      messages; images.py and fetching.py get pictures, phone.py reads numbers, idempotency.py repeats answers
managing.py     sessions, their changes as server-sent events, metrics, probes

Nothing here is imported by a run of the checks.
"""
