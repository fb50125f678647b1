"""The server's behaviour without I/O: who sends what to whom, and when.

    hub              all connections of one server: bytes in, effects out, the time an argument
    stream           one connection as a state machine; `device_linking` and `logged_in` handle its two main states
    iq_answers       answers to questions (`iq_prekeys`, `iq_people`, `iq_groups`, `iq_pictures` by namespace)
    routing          messages, receipts and presence of clients on their way to other devices
    played_phone     the phones that the server plays
    device_delivery, group_changes, picture_changes, settings_sync    what devices are told
    outbox, effects, journal                                          what leaves the core

A module never imports the hub. It states what it needs of it as a Protocol (`ServerContext` and those derived from it),
and the hub implements them all. Import the module you need: nothing is imported here.
"""
