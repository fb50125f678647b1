"""What a worker process is told of the environment: what it needs, and no secret."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from diagnostics.neonize.process import Worker
from diagnostics.neonize.worker_environment import environment, proxy_with_password

SECRETS = {
    "WADIAG_TOKEN": "canary-token",
    "WADIAG_STORE": "postgresql://u:canary-store@h/db",
    "WADIAG_PROXY": "http://u:canary-proxy@127.0.0.1:9",
    "AWS_SECRET_ACCESS_KEY": "canary-aws",
    "DATABASE_URL": "postgres://u:canary-db@h/db",
    "GITHUB_TOKEN": "canary-github",
    "PGPASSWORD": "canary-pg",
    "SOMETHING_ELSE": "canary-else",
    "PYTHON_KEYRING_PASSWORD": "canary-keyring",
    "NEONIZE_API_KEY": "canary-neonize",
    "HTTPS_PROXY": "http://me:canary-https@127.0.0.1:9",
    "https_proxy": "http://me:canary-https@127.0.0.1:9",
    "ALL_PROXY": "socks5://canary-all@127.0.0.1:9",
}
NEEDED = {
    "LANG": "id_ID.UTF-8",
    "LC_ALL": "C.UTF-8",
    "TZ": "Asia/Jakarta",
    "SSL_CERT_FILE": "/ca.pem",
    "PYTHONMALLOC": "malloc",
    "GODEBUG": "netdns=go",
    "NEONIZE_LOG": "debug",
    "TMPDIR": "/elsewhere",
    "SystemRoot": "C:\\Windows",
}


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**SECRETS, **NEEDED}.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("planted")
def test_a_worker_gets_what_it_needs_and_nothing_that_is_named_like_a_secret() -> None:
    env = environment({"SSL_CERT_DIR": "/certs"})
    assert "canary" not in repr(env)
    assert {name: env[name] for name in NEEDED} == NEEDED
    assert env["SSL_CERT_DIR"] == "/certs"
    assert (env["PATH"], env["HTTPS_PROXY"]) == (os.environ["PATH"], "http://127.0.0.1:9")
    assert env["ALL_PROXY"] == "socks5://127.0.0.1:9"


@pytest.mark.usefixtures("planted")
def test_the_password_of_a_given_proxy_is_not_in_the_environment() -> None:
    env = environment(proxy="http://u:canary@127.0.0.1:9")
    assert "canary" not in repr(env)
    assert {env[name] for name in ("HTTPS_PROXY", "http_proxy", "ALL_PROXY")} == {"http://127.0.0.1:9"}


@pytest.mark.parametrize(
    ("environ", "proxy"),
    [
        ({}, None),
        ({"HTTPS_PROXY": "http://127.0.0.1:9"}, None),
        ({"HTTPS_PROXY": "http://u:p@127.0.0.1:9"}, "http://u:p@127.0.0.1:9"),
        ({"https_proxy": "http://u:p@127.0.0.1:9"}, "http://u:p@127.0.0.1:9"),
        ({"ALL_PROXY": "socks5://u@127.0.0.1:9"}, None),  # which the client does not read, with or without a password
        ({"HTTPS_PROXY": "http://127.0.0.1:9", "ALL_PROXY": "http://u:p@127.0.0.1:8"}, None),
        *(
            ({"HTTPS_PROXY": "http://u:p@127.0.0.1:9", "NO_PROXY": exempt}, None)
            for exempt in ("*", "whatsapp.com", "localhost, .whatsapp.com", "web.whatsapp.com")
        ),
        ({"HTTPS_PROXY": "http://u:p@h:9", "NO_PROXY": "app.com,localhost"}, "http://u:p@h:9"),
    ],
)
def test_a_proxy_of_the_environment_with_a_password_is_told_to_the_client(
    environ: dict[str, str], proxy: str | None
) -> None:
    assert proxy_with_password(environ) == proxy


@pytest.mark.parametrize(("exempt", "proxy"), [("", "http://127.0.0.1:9"), ("localhost,.whatsapp.com", "")])
def test_the_proxy_of_a_worker_is_the_one_that_its_clients_take(exempt: str, proxy: str) -> None:
    assert Worker({"HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": exempt}).proxy == proxy


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="reads /proc")
@pytest.mark.usefixtures("planted")
def test_no_secret_is_in_the_environment_of_a_worker_that_runs() -> None:
    worker = Worker(environment({"TMPDIR": "/tmp"}))  # noqa: S108 - nothing is made there
    worker.start()
    try:
        told = Path(f"/proc/{worker.pid}/environ").read_bytes()
    finally:
        worker.kill()
    assert b"LANG=id_ID.UTF-8" in told
    assert b"canary" not in told
