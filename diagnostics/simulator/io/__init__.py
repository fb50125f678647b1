"""Input and output: the server that tests start, its sockets, TLS and files.

    server, simulated_account    the public classes, to be called from any thread
    console                      the server's commands as lines of text
    shell, tunnel, tls           the listening socket, one TCP connection, and its certificates
    websocket_session, media_session, media_http    what runs inside a tunnel
    session_copy                 copies of a linked store

Only modules of this package use sockets, threads, a clock or random numbers; `core` does not. Import the module you
need: nothing is imported here.
"""
