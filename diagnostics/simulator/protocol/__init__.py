"""Bytes and stanzas: what WhatsApp's protocol says, without any account, connection or clock.

    wire, stanza, addresses       protobuf messages, binary XML, and how devices are addressed in it
    keys, noise, noise_identity   Curve25519, and the encrypted channel between a client and the server
    qr_code, registration, link_code, device_identity     linking a device to an account
    prekeys, app_state, iq_stanzas                        key bundles, shared settings, answers to questions
    e2e                           end-to-end encryption between devices

Everything here is a value or a pure function of bytes; randomness and the time are arguments. Malformed input from a
client raises `ProtocolError`. Import the module you need: nothing is imported here.
"""
