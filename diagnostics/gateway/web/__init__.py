"""The gateway over HTTP: FastAPI on whatever implements `diagnostics.gateway.contract`.

app.py                  puts the parts together
app_context.py          what every route shares
auth_middleware.py      token, size of the body, access log
*_routes.py             health, linking, sending, sessions, the process itself; event_stream.py for server-sent events
message_delivery.py     one message: judged, sent once, answered; idempotency.py repeats the answer
message_models.py       bodies of requests and answers; health_documents.py those about health
image_download.py       images by URL; image_check.py looks into them; phone_numbers.py reads numbers
problem_table.py        every error that is answered, in two languages; problem_responses.py makes answers of it
content_negotiation.py  which form and language a caller wants; openapi.py describes the API
audit_log.py            who did what; metrics.py counts
page/                   the status page

Nothing here is imported by a run of the checks.
"""
