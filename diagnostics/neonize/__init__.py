"""The driver of the real client library. neonize lives in a worker process; everything here talks to that process,
reads a session store, or interprets what a client says. It states facts and judges nothing.
"""
