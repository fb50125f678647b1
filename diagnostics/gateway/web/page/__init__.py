"""The status page `/`: every session, its state in colour and words, what to do, a QR code to scan, a test message.

page_routes.py      the page itself, signing in and out, and the one request that renews all cards
page_context.py     who reads, what a session's card says, how a refusal is shown
session_cards.py    what the page says about one session; pure
link_panel.py       new sessions, and the QR codes that link them
session_actions.py  test messages, reconnecting, logging out
sign_in.py          cookies that stand for a token
sign_in_limit.py    how often a token may be guessed
render.py           templates filled; page_words.py has the page's own texts

Rendered on the server; htmx fetches single pieces of it again, and static/page.js does what htmx cannot. Without
scripts every form still works, and answers with a page of its own. Every text about a session is masked as in reports.
"""
