"""Ways to look at a session. Each returns facts and never an opinion.

base.py        what a kind of target is
registry.py    finds the kinds: entry points of the group `diagnostics.targets`
values.py      single settings: what is valid
simulated/     the real client against the embedded WhatsApp server
neonize/       sessions in a store on this machine
http/          products with an HTTP API: one transport, and one pure dialect for each product
"""
