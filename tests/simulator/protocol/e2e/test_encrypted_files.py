from __future__ import annotations

import hashlib
import hmac
import tempfile
import tracemalloc
from dataclasses import replace
from io import BytesIO

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import example, given, settings
from hypothesis import strategies as st

from diagnostics.simulator.protocol.e2e import encrypted_files
from diagnostics.simulator.protocol.e2e.encrypted_files import CHUNK, Attachment
from diagnostics.simulator.protocol.e2e.encryption_errors import Undecipherable
from diagnostics.simulator.protocol.e2e.payload import text_message
from tests.simulator.light_client import seeded

KINDS = ("image", "video", "audio", "document", "sticker")
quick = settings(max_examples=30, deadline=None)


class Slow(BytesIO):
    """A file that gives a few bytes at a time, as a pipe or an unbuffered file may."""

    def __init__(self, content: bytes, step: int) -> None:
        super().__init__(content)
        self._step = step

    def read(self, size: int | None = -1) -> bytes:
        return super().read(self._step if size is None or size < 0 else min(size, self._step))


def encrypted(content: bytes, kind: str = "image") -> tuple[Attachment, bytes]:
    blob = BytesIO()
    return encrypted_files.encrypt(BytesIO(content), blob, kind, seeded()), blob.getvalue()


def decrypted(blob: bytes, attachment: Attachment) -> bytes:
    file = BytesIO()
    encrypted_files.decrypt(BytesIO(blob), file, attachment)
    return file.getvalue()


@quick
@given(st.integers(0, 3 * CHUNK), st.sampled_from(KINDS))
@example(0, "image")
@example(15, "image")
@example(16, "audio")
@example(17, "image")
@example(CHUNK - 1, "video")
@example(CHUNK, "document")
@example(CHUNK + 1, "image")
@example(2 * CHUNK - 16, "image")
def test_a_file_of_any_size_comes_back_as_it_was(size: int, kind: str) -> None:
    content = seeded(size)(size)
    attachment, blob = encrypted(content, kind)
    assert attachment.size == size
    assert len(blob) == size + 16 - size % 16 + 10
    assert decrypted(blob, attachment) == content


@quick
@given(st.integers(1, 40), st.integers(0, 200))
def test_files_may_be_read_in_pieces_of_any_size(step: int, size: int) -> None:
    content = seeded(size)(size)
    blob, file = BytesIO(), BytesIO()
    attachment = encrypted_files.encrypt(Slow(content, step), blob, "image", seeded())
    encrypted_files.decrypt(Slow(blob.getvalue(), max(step, 10)), file, attachment)
    assert file.getvalue() == content


@quick
@given(st.integers(0, 3 * CHUNK), st.data())
def test_a_blob_of_which_one_bit_is_wrong_gives_nothing(size: int, data: st.DataObject) -> None:
    attachment, blob = encrypted(bytes(size))
    bit = data.draw(st.integers(0, len(blob) * 8 - 1))
    damaged = bytearray(blob)
    damaged[bit // 8] ^= 1 << bit % 8
    file = BytesIO()
    with pytest.raises(Undecipherable):
        encrypted_files.decrypt(BytesIO(bytes(damaged)), file, attachment)
    assert file.getvalue() == b""


@quick
@given(st.binary(max_size=100))
def test_bytes_that_are_no_blob_are_undecipherable(noise: bytes) -> None:
    attachment, _ = encrypted(b"content")
    with pytest.raises(Undecipherable):
        decrypted(noise, attachment)


@pytest.mark.parametrize("kind", ["video", "audio", "document"])
def test_the_keys_of_one_kind_do_not_open_another(kind: str) -> None:
    attachment, blob = encrypted(b"content", "image")
    with pytest.raises(Undecipherable, match="authentication"):
        decrypted(blob, replace(attachment, kind=kind))


@pytest.mark.parametrize(
    "wrong", [{"sha256": bytes(32)}, {"encrypted_sha256": bytes(32)}, {"size": 8}, {"key": bytes(32)}, {"key": b""}]
)
def test_a_message_that_says_something_else_of_its_file_is_not_believed(wrong: dict[str, object]) -> None:
    attachment, blob = encrypted(b"content")
    with pytest.raises(Undecipherable):
        decrypted(blob, replace(attachment, **wrong))  # type: ignore[arg-type]


def test_a_blob_may_begin_anywhere_in_its_file() -> None:
    attachment, blob = encrypted(b"content")
    source, file = BytesIO(b"before" + blob), BytesIO()
    source.seek(6)
    encrypted_files.decrypt(source, file, attachment)
    assert file.getvalue() == b"content"


@pytest.mark.parametrize("kind", KINDS)
def test_a_message_names_its_file(kind: str) -> None:
    attachment, blob = encrypted(b"content", kind)
    attachment = replace(attachment, path="/v/1?ccb=1")
    message = attachment.message("https://mmg.whatsapp.net/v/1?ccb=1", "application/octet-stream")
    found = Attachment.of(message)
    assert found == attachment
    assert found is not None
    assert decrypted(blob, found) == b"content"
    assert Attachment.of(text_message("no file")) is None


@pytest.mark.parametrize(("kind", "info"), [("image", b"Image"), ("sticker", b"Image"), ("document", b"Document")])
def test_a_blob_is_made_as_the_protocol_says(kind: str, info: bytes) -> None:
    """The same by the cryptography library alone."""
    content = b"content of a file"
    attachment, blob = encrypted(content, kind)
    keys = HKDF(SHA256(), 112, None, b"WhatsApp %s Keys" % info).derive(attachment.key)
    encryptor = Cipher(AES(keys[16:48]), CBC(keys[:16])).encryptor()
    body = encryptor.update(content + bytes((15,)) * 15) + encryptor.finalize()
    assert blob == body + hmac.digest(keys[48:80], keys[:16] + body, "sha256")[:10]
    assert attachment.encrypted_sha256 == hashlib.sha256(blob).digest()
    assert attachment.sha256 == hashlib.sha256(content).digest()


def test_a_large_file_passes_through_little_memory() -> None:
    size = 24 << 20
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as blob, tempfile.TemporaryFile() as file:
        source.truncate(size)
        tracemalloc.start()
        attachment = encrypted_files.encrypt(source, blob, "video", seeded())
        blob.seek(0)
        encrypted_files.decrypt(blob, file, attachment)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert file.tell() == size
    assert peak < 1 << 20
