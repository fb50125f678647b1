"""Products that hold sessions and answer over HTTP.

dialect.py        the language of dialects: requests, answers, what was found; and what a dialect is
dialects/         one pure module for each product: which requests, and what their answers mean
transport.py      the requests themselves: authentication, deadlines, limits, and one sentence for every failure
look.py           a look at sessions, through any dialect
link_by_code.py   linking a session, through any dialect that shows codes
kind.py           makes a kind of target of a dialect
"""
