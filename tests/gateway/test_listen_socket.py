"""The socket that HTTP is served on."""

from __future__ import annotations

import socket

import pytest

from diagnostics.gateway.listen_socket import address, listen


def test_answers_do_not_wait_for_the_callers_delayed_acknowledgement():
    with listen("localhost", 0) as listening, socket.create_connection(listening.getsockname()[:2]) as _:
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_its_address_can_be_typed():
    with listen("127.0.0.1", 0) as listening:
        assert address(listening) == f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_a_port_that_is_taken_is_said():
    with listen("127.0.0.1", 0) as listening, pytest.raises(OSError, match="in use"):
        listen("127.0.0.1", listening.getsockname()[1])
