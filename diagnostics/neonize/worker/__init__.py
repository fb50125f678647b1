"""The process that owns the real neonize clients: `python -m diagnostics.neonize.worker PID-OF-THE-PARENT`.

Only this process may import neonize. neonize's Go library can segfault, can hang at exit, prints to file descriptors
and reads the environment of process start, so it is kept out of the process that runs pytest or the gateway.
"""
