"""The simulator's commands as lines of text, one answer each. `wadiag simulate` reads and writes the lines.

account [PHONE] [NAME]         a new account
scan PHONE QR-TEXT             its phone scans the code that a client shows (a line that is nothing but a QR text
                               is scanned by the account that was added last)
scenario PHONE NAME            apply the faults of the named scenario; "healthy" for none
fault PHONE EVENT ACTION …     replace the faults by these, as docs/faults.md lists them; PHONE "all" for those
                               that act before a client has said which account it is
heal PHONE                     remove all faults; "all" as above
write PHONE PHONE TEXT         the first account's phone writes to the second account
inbox PHONE                    the texts that others have sent it, as its phone has decrypted them
messages PHONE                 what its linked devices sent, and how it was acknowledged
code PHONE CODE                the pairing code that a client shows is typed into its phone
unlink PHONE                   its phone unlinks all devices
log [LINES]                    the last stanzas and events, 20 of them, for a person
help, quit
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from typing import Any

from diagnostics.simulator.faults.fault_text import parse_faults
from diagnostics.simulator.faults.scenarios import REHEARSALS
from diagnostics.simulator.io.server import WhatsAppServer
from diagnostics.simulator.io.simulated_account import SimulatedAccount
from diagnostics.simulator.simulator_errors import SimulatorError

Answer = dict[str, Any]
_QR_MARKS = ("2@", "https://wa.me/settings/linked_devices#")


class Console:
    """Commands for one running server."""

    def __init__(self, server: WhatsAppServer) -> None:
        self._server = server
        self._accounts: dict[str, SimulatedAccount] = {server.contact.phone: server.contact}
        self._commands: dict[str, Callable[..., Answer]] = {
            "account": self._account,
            "scan": self._scan,
            "scenario": self._scenario,
            "fault": self._fault,
            "heal": self._heal,
            "messages": self._messages,
            "write": self._write,
            "inbox": self._inbox,
            "code": self._code,
            "unlink": self._unlink,
            "log": self._log,
            "help": lambda: {"help": (__doc__ or "").splitlines()[2:]},
        }

    def answer(self, line: str) -> Answer:
        """Run one command.

        Args:
            line: the command and its arguments.

        Returns:
            {"ok": true, …}, or {"ok": false, "error": one sentence}. Wrong input does not raise.
        """
        try:
            words = [line.strip()] if line.strip().startswith(_QR_MARKS) else shlex.split(line)
            if not words:
                return {"ok": True}
            if words[0].startswith(_QR_MARKS):
                words = ["scan", list(self._accounts)[-1], words[0]]
            return {"ok": True, **self._run(words[0], words[1:])}
        except (SimulatorError, ValueError) as problem:
            return {"ok": False, "error": str(problem)}

    def _run(self, name: str, arguments: Sequence[str]) -> Answer:
        command = self._commands.get(name)
        if command is None:
            raise SimulatorError(f"there is no command {name!r}; there are: {', '.join(self._commands)}, quit")
        try:
            return command(*arguments)
        except TypeError:
            raise SimulatorError(f"{name} takes other arguments; see: help") from None

    def _find(self, phone: str) -> SimulatedAccount:
        try:
            return self._accounts[phone]
        except KeyError:
            raise SimulatorError(f"there is no account {phone}; there are: {', '.join(self._accounts)}") from None

    def _account(self, phone: str | None = None, name: str = "") -> Answer:
        account = self._server.add_account(phone, name=name)
        self._accounts[account.phone] = account
        return {"phone": account.phone, "jid": account.jid, "lid": account.lid}

    def _scan(self, phone: str, code: str) -> Answer:
        account = self._find(phone)
        self._server.scan(code, account)
        return {"phone": phone, "scanned": True}

    def _scenario(self, phone: str, name: str) -> Answer:
        if name not in REHEARSALS:
            raise SimulatorError(f"there is no scenario {name!r}; there are: {', '.join(REHEARSALS)}")
        if REHEARSALS[name].store != "paired":
            raise SimulatorError(f"{name} is about a session that is not linked: do not scan its code")
        self._server.apply(self._find(phone), REHEARSALS[name].faults)
        return {"phone": phone, "scenario": name}

    def _fault(self, phone: str, *words: str) -> Answer:
        faults = parse_faults(words)
        self._server.apply(None if phone == "all" else self._find(phone), faults)
        return {"phone": phone, "faults": len(faults)}

    def _heal(self, phone: str) -> Answer:
        self._server.apply(None if phone == "all" else self._find(phone), ())
        return {"phone": phone, "faults": 0}

    def _messages(self, phone: str) -> Answer:
        return {
            "messages": [
                {"id": m.id, "to": m.to, "type": m.type, "acknowledged": m.acknowledged, "error": m.error, "at": m.at}
                for m in self._find(phone).messages
            ]
        }

    def _write(self, sender: str, to: str, text: str) -> Answer:
        return {"id": self._find(sender).send_text(self._find(to), text)}

    def _inbox(self, phone: str) -> Answer:
        return {"texts": list(self._find(phone).texts)}

    def _code(self, phone: str, code: str) -> Answer:
        self._server.type_code(code, self._find(phone))
        return {"phone": phone, "typed": True}

    def _unlink(self, phone: str) -> Answer:
        account = self._find(phone)
        devices = account.devices
        for device in devices:
            self._server.unlink(account, device)
        return {"phone": phone, "unlinked": list(devices)}

    def _log(self, lines: str = "20") -> Answer:
        if not (lines.isascii() and lines.isdigit()):
            raise SimulatorError(f"log takes a number of lines, not {lines!r}")
        return {"log": [str(line) for line in self._server.log[::-1][: int(lines)][::-1]]}
