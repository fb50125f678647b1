"""The process that owns the real neonize clients: `python -m diagnostics.neonize.worker PID-OF-THE-PARENT`.

Only this process may import neonize. Its Go library can segfault, hang at exit, print to file descriptors and read the
environment of process start, so it is kept away from the process that runs pytest or the gateway.
"""
