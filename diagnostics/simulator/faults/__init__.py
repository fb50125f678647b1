"""Faults: what the simulator does wrong on purpose.

    actions      the events that a fault can act on, and what it can do, as data
    fault_plan   `Fault`, and `Plan`, which counts events and decides which fault is due
    fault_text   faults as a line of words, for the console
    scenarios    named combinations of faults

Nothing here knows connections or accounts. Import the module you need: nothing is imported here.
"""
