"""Health routes inside a bot's own process.

attach.py        `attach` and `health_app`, which docs/attach.md describes
attached_bot.py  how the bot's session is; implements `contract.HealthSource`
"""
