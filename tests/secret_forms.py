"""How secrets and phone numbers are written: every form of every kind, around one secret and one number."""

from __future__ import annotations

SECRET = "hunter2S3cret"

FORMS = [
    # assignments
    *(
        f"{label}{sign}{SECRET}"
        for label in ("password", "Passwd", "pwd", "PGPASSWORD", "token", "secret", "senha")
        for sign in (":", "=", ": ", " = ", " => ", ":=")
    ),
    *(
        f"{label}: {SECRET}"
        for label in (
            "api key",
            "API-Key",
            "X-Api-Key",
            "apikey",
            "api_key",
            "access key",
            "AWS_SECRET_ACCESS_KEY",
            "private key",
            "bearer",
            "Authorization",
            "Proxy-Authorization",
            "access_token",
            "refresh_token",
            "credentials",
            "passphrase",
            "kata sandi",
            "sandi",
            "kunci rahasia",
            "kunci api",
            "token akses",
            "contraseña",
            "chave de api",
            "token de acesso",
            "verification code",
            "kode verifikasi",
            "código de pareamento",
            "kode pairing",
        )
    ),
    f"X-Api-Key: Bearer {SECRET}",
    f"Authorization: Basic {SECRET}=",
    "basic aHVudGVyMlMzY3JldA==",
    f"apikey={SECRET}&x=1",
    # sentences
    *(f"the {label} {verb} {SECRET}." for label in ("password", "token", "api key") for verb in ("is", "was", "is:")),
    "my password is letmein",
    f"kata sandi adalah {SECRET}",
    f"a senha é {SECRET}",
    f"with token {SECRET} it fails",
    f'user "me" password "{SECRET}"',
    # JSON, in any depth of quoting
    f'{{"token": "{SECRET}"}}',
    f'{{"pass":"{SECRET}","n":1}}',
    rf"{{\"token\":\"{SECRET}\"}}",
    rf"{{\\\"apikey\\\": \\\"{SECRET}\\\"}}",
    f"{{'password': '{SECRET} with \"quotes\"'}}",
    f'{{"password": "it\'s {SECRET}"}}',
    rf'{{"password": "a\"{SECRET}"}}',
    f"password=a,b;{SECRET}",
    f"password=(x){SECRET}",
    # URLs
    *(f"https://h/x?{name}={SECRET}" for name in ("token", "access_token", "key", "apikey", "sig", "auth", "pass")),
    f"wss://h/ws?x=1&token={SECRET}#f",
    *(f"{scheme}://u:{SECRET}@h:5432/db" for scheme in ("postgres", "postgresql+psycopg", "MYSQL", "redis", "socks5")),
    f"postgres://u:a/{SECRET}@h/db",
    f"postgres://u:a'{SECRET}@h/db",
    f"postgres://:{SECRET}@h/db",
    f"postgresql:/u:{SECRET}@h/db",
    f"/srv/bot/u:{SECRET}@h:5432/db",
    f"/srv/a-rather-long-directory/of-some-project/u:{SECRET}@h:5432/db",
    f"no file postgresql+psycopg:/u:{SECRET}@h/db",
    *(
        f"{before}me:{SECRET}@{host}"
        for before in ("", "proxy ", "(", "via=")
        for host in ("proxy.example:8080", "127.0.0.1:3128", "localhost", "db.example", "h:1")
    ),
    # command lines
    *(
        f"curl {option} https://h"
        for option in (
            f"-u me:{SECRET}",
            f"--user me:{SECRET}",
            f"--token {SECRET}",
            f"--password {SECRET}",
            f"--api-key={SECRET}",
            f"--proxy-user me:{SECRET}",
        )
    ),
    # cookies and known forms
    f"Cookie: sid={SECRET}",
    f"JSESSIONID={SECRET}",
    "key AKIAIOSFODNN7HUNTER2 of",
    "ghp_hunter2S3cretHunter2S3cretHunter2S3",
    "sk-proj-hunter2S3cretHunter2S3cret",
    "xoxb-123456789012-hunter2S3cret",
    "-----BEGIN RSA PRIVATE KEY-----\nhunter2S3cret+\nhunter2S3cret\n-----END RSA PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----\nhunter2S3cret",
]
CODES = [
    "pairing code ABCD-EFGH",
    "Pairing code: ABCD-EFGH",
    "pairing code is ABCDEFG1",
    "kode pairing ABCD-EFGH",
    "kode penautan: 1BCD-EFGH",
    "código de pareamento ABCD-EFGH",
    "enter ABCD-EFGH on the phone",
    "your code for linking is ABCD-EFGH.",
    "link code ABCD EFG1",
    'pairingCode":"ABCD-EFGH"',
    "masukkan kode ABCD-EFGH di ponsel",
]

PHONES = [
    "62 812 3450 987",
    "62 812 3450 9876",
    "62.812.3450.987",
    "62-812-3450-987",
    "62 (812) 3450-987",
    "(62) 812 3450 987",
    "628123 450 987",
    "6281 2345 0987",
    "62812-3450-987",
    "0812.3450.987",
    "0812 3450 987",
    "0812/3450/987",
    "0812 - 3450 - 987",
    "(0812) 3450-987",
    "(0812)3450987",
    "0812 3450987",
    "08123450 987",
    "(021) 5550 1234",
    "021-55501234",
    "06 12 34 50 98",
    "06.12.34.50.98",
    "02 9374 4000",
    "00 62 812 3450 987",
    "0062 812 3450 987",
    "00628123450987",
    "+62 812 3450 987",
    "+62.812.3450.987",
    "+62 (0812) 3450-987",
    "+62/812/3450/987",
    "+1 (415) 555-0199",
    "+55 11 91234-5678",
    "phone: 49 151 2345 6789",
    "phone=55 (11) 91234-5678",
    "nomor 44 7911 123456",
    "telefone: 55 11 91234 5678",
    '"phone": "1 415 555 0199"',
]
