"""What exists on the simulated WhatsApp: accounts and their devices, groups, messages, files and pictures.

These modules keep state and the rules about it, such as who may add somebody to a group. They send nothing: `core`
decides who is told about a change. There is no I/O, except that files are written to open binary files that the
caller provides. Import the module you need: nothing is imported here.
"""
