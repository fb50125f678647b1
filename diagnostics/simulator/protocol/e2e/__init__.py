"""End-to-end encryption, for the devices that the simulator plays: the phones of all accounts.

There is no I/O: bytes, stanzas and open files go in, the same come out; randomness and the time are arguments.

    encrypted_messages   decrypt a <message> for one device; encrypt the <message> that a client is given
    retry_receipts       ask for a message again that could not be decrypted, and answer such a request
    encrypted_files      encrypt a file for download, decrypt an uploaded one
    payload              padding, copies to own devices, and kinds of message
    device               the state of one device: sessions with other devices, and sender keys of groups
    signal_session, ratchet, sender_keys, chains    Signal's protocol, version 3
    formats, primitives                             its messages as bytes, and its cryptographic functions

WhatsApp uses Signal's protocol as published (X3DH, Double Ratchet, sender keys), with XEdDSA signatures and its own
payload. Import the module you need: nothing is imported here.
"""
