"""End-to-end encryption, as the devices that the simulator plays do it: contacts' phones, and own phones.

Everything is without I/O: bytes, stanzas and open files in, the same out; randomness and the time are arguments.

    stanzas   a <message> to its plain text for one device, and a plain text to the <message> that a client is given
    retry     "I cannot read this, send it again", asked and answered
    media     files: encrypted for download, decrypted after upload
    payload   what stands between a Message and a ciphertext: padding, copies to own devices, kinds of message
    device    what one device keeps: sessions with others, and sender keys of groups
    session, ratchet, groups, chains    Signal's protocol, version 3
    formats, primitives, proto          how it is written down, and what it is computed with

WhatsApp uses Signal's protocol as published (X3DH, Double Ratchet, sender keys), with XEdDSA signatures and its own
payload. Import the module you need: nothing is imported here.
"""
