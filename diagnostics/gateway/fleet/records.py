"""What survives a restart of the gateway: its sessions, the last messages, and answers to repeated requests.

SQLAlchemy Core on SQLite (WAL) or PostgreSQL, in a thread of its own. What changes often is collected
and written later, in one transaction for all that changed meanwhile; answers to repeated requests are written before
they are given.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import msgspec
from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    DateTime,
    Dialect,
    Engine,
    Insert,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    create_engine,
    delete,
    event,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from diagnostics.errors import UsageProblem
from diagnostics.gateway.contract import Answer, Message, Reconnecting, Stage, StateUnwritable
from diagnostics.model import Disconnect

SCHEMA = 1
MESSAGES = 1000  # the last ones: receipts follow within seconds or minutes, and nobody reads older ones here
REMEMBERED = timedelta(hours=24)  # how long an answer to a repeated request is kept

_CHECKED = {"name": "writable", "value": "yes"}  # a row that is replaced to see whether it can be

T = TypeVar("T")


class _Utc(TypeDecorator[datetime]):
    """A time that comes back as it went in: timezone-aware, UTC. SQLite knows no time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class _Json(TypeDecorator[Any]):
    """A dataclass as JSON."""

    impl = Text
    cache_ok = True

    def __init__(self, kind: Any) -> None:
        super().__init__()
        self.kind = kind

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else msgspec.json.encode(value).decode()

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002
        return None if value is None else msgspec.json.decode(value, type=self.kind)


_SCHEMA = MetaData()
_META = Table("wadiag_meta", _SCHEMA, Column("name", String(64), primary_key=True), Column("value", Text))
_SESSIONS = Table(
    "wadiag_sessions",
    _SCHEMA,
    Column("name", String(64), primary_key=True),
    Column("jid", String(128), nullable=False),
    Column("should_run", Boolean, nullable=False),
    Column("created_at", _Utc, nullable=False),
    Column("last_connected", _Utc),
    Column("last_disconnect", _Json(Disconnect)),
    Column("reconnecting", _Json(Reconnecting), nullable=False),
)
_MESSAGES = Table(
    "wadiag_messages",
    _SCHEMA,
    Column("session", String(64), primary_key=True),
    Column("id", String(128), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("stage", _Json(Stage), nullable=False),
    Column("times", _Json(dict[Stage, datetime]), nullable=False),
    Column("code", Integer),
    Column("error", Text, nullable=False),
    Column("ticket", String(32), nullable=False),
    Column("at", _Utc, nullable=False, index=True),
)
_ANSWERS = Table(
    "wadiag_answers",
    _SCHEMA,
    Column("token", String(64), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("request", String(64), nullable=False),
    Column("status", Integer),
    Column("body", LargeBinary),
    Column("at", _Utc, nullable=False, index=True),
)


@dataclass(frozen=True, slots=True)
class Record:
    """A session, as it is remembered.

    Attributes:
        jid: the linked device ("user:device@server"), "" while it is linked to no phone.
        should_run: connect it when the gateway starts.
    """

    name: str
    created_at: datetime
    jid: str = ""
    should_run: bool = False
    last_connected: datetime | None = None
    last_disconnect: Disconnect | None = None
    reconnecting: Reconnecting = field(default_factory=Reconnecting)


class Records:
    """The open database.

    Attributes:
        engine: for who keeps more in the same database.
    """

    def __init__(self, url: str) -> None:
        """`url` is SQLAlchemy's ("sqlite:////path", "postgresql+psycopg://…"). Nothing is opened before `open`."""
        self.engine = _engine(url)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="records")
        self._dirty: dict[tuple[str, ...], Record | Message | None] = {}
        self._writing: asyncio.Task[None] | None = None
        self.problem = ""  # why the last writing failed

    async def open(self) -> tuple[list[Record], list[Message]]:
        """Make the tables where there are none; the sessions by name, and the last messages, oldest first.

        Raises:
            UsageProblem: the database cannot be used, or a newer version of this project made it.
        """
        try:
            return await self._do(_open)
        except SQLAlchemyError as error:
            where = self.engine.url.render_as_string(hide_password=True)
            raise UsageProblem(f"the gateway's records cannot be opened ({where}): {_why(error)}") from error

    async def close(self) -> None:
        """Write what is left, and close the database."""
        if self._dirty or self._writing:
            await self.flush()
        await asyncio.to_thread(self._thread.shutdown)
        self.engine.dispose()

    def keep(self, what: Record | Message) -> None:
        """Write it soon. What is kept again meanwhile is written once."""
        self._dirty[_key(what)] = what
        self._write_soon()

    def drop(self, name: str) -> None:
        """Forget a session and its messages, soon."""
        for key in [key for key in self._dirty if key[1] == name]:
            del self._dirty[key]
        self._dirty["session", name] = None
        self._write_soon()

    async def flush(self) -> None:
        """Until everything kept so far is written."""
        while self._dirty or self._writing:
            self._write_soon()
            await asyncio.gather(*filter(None, [self._writing]), return_exceptions=True)
            if self.problem:
                return

    def _write_soon(self) -> None:
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())

    async def _write(self) -> None:
        try:
            while self._dirty:
                dirty, self._dirty = self._dirty, {}
                try:
                    await self._do(lambda connection, dirty=dirty: _write(connection, dirty))  # type: ignore[misc]
                    self.problem = ""
                except SQLAlchemyError as error:
                    # It is tried again with the next change; what came up since is newer.
                    self._dirty = {**dirty, **self._dirty}
                    self.problem = _why(error)
                    return
        finally:
            self._writing = None

    async def check(self) -> None:
        """Write something now, and soon what could not be written before.

        Raises:
            StateUnwritable: that fails.
        """
        await self._write_now(lambda connection: connection.execute(_put(_META, connection.dialect.name), _CHECKED))
        if self._dirty:
            self._write_soon()

    async def newest(self) -> datetime | None:
        """The `now` of the key that was reserved last."""
        return await self._do(lambda connection: connection.scalar(select(func.max(_ANSWERS.c.at))))

    async def idempotent(self, token: str, key: str, request: str, now: datetime) -> Answer | None:
        """Reserve the key for this request; None if it is the first, else what is known of the first.

        Args:
            token: name of the caller's token: keys of different callers are different.
            request: hash of the request, in hexadecimal.
        """

        def reserve(connection: Connection) -> Answer | None:
            connection.execute(delete(_ANSWERS).where(_ANSWERS.c.at < now - REMEMBERED))
            row = {"token": token, "key": key, "request": request, "at": now}
            try:
                with connection.begin_nested():
                    connection.execute(insert(_ANSWERS).values(row))
            except IntegrityError:
                mine = (_ANSWERS.c.token == token) & (_ANSWERS.c.key == key)
                first = connection.execute(select(_ANSWERS).where(mine)).one()
                return Answer(first.request, first.status, first.body or b"")
            return None

        return await self._write_now(reserve)

    async def answered(self, token: str, key: str, status: int, body: bytes) -> None:
        """What the request with this key was answered."""
        mine = (_ANSWERS.c.token == token) & (_ANSWERS.c.key == key)
        answer = update(_ANSWERS).where(mine).values(status=status, body=body)
        await self._write_now(lambda connection: connection.execute(answer))

    async def unreserved(self, token: str, key: str) -> None:
        """The request came to nothing and may be made again under the same key."""
        mine = (_ANSWERS.c.token == token) & (_ANSWERS.c.key == key)
        await self._write_now(lambda connection: connection.execute(delete(_ANSWERS).where(mine)))

    async def _write_now(self, what: Callable[[Connection], T]) -> T:
        """
        Raises:
            StateUnwritable: the database refuses it.
        """
        try:
            return await self._do(what)
        except SQLAlchemyError as error:
            raise StateUnwritable(_why(error)) from error

    async def _do(self, what: Callable[[Connection], T]) -> T:
        def run() -> T:
            with self.engine.begin() as connection:
                return what(connection)

        return await asyncio.get_running_loop().run_in_executor(self._thread, run)


def _engine(url: str) -> Engine:
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine, "connect")
        def configure(connection: Any, _: object) -> None:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")  # with WAL, a loss of power costs the last writes, no more

    return engine


def _open(connection: Connection) -> tuple[list[Record], list[Message]]:
    _SCHEMA.create_all(connection, tables=[_META])
    version = connection.scalar(select(_META.c.value).where(_META.c.name == "schema"))
    if version is not None and int(version) > SCHEMA:
        raise UsageProblem(
            f"the gateway's records are of version {version}, and this wadiag knows versions up to {SCHEMA}: "
            "a newer one has written them. Upgrade (pip install --upgrade whatsapp-diagnostics), or choose another "
            "state directory."
        )
    _SCHEMA.create_all(connection)
    if version is None:
        connection.execute(insert(_META).values(name="schema", value=str(SCHEMA)))
    records = [Record(**row) for row in connection.execute(select(_SESSIONS).order_by(_SESSIONS.c.name)).mappings()]
    newest = connection.execute(select(_MESSAGES).order_by(_MESSAGES.c.at.desc()).limit(MESSAGES)).mappings().all()
    if newest:
        connection.execute(delete(_MESSAGES).where(_MESSAGES.c.at < newest[-1]["at"]))
    names = [field.name for field in fields(Message)]
    messages = [Message(**{name: row[name] for name in names}) for row in reversed(newest)]
    return records, messages


def _why(error: SQLAlchemyError) -> str:
    """The database's own words, in one line."""
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0]


def _key(what: Record | Message) -> tuple[str, ...]:
    return ("session", what.name) if isinstance(what, Record) else ("message", what.session, what.id)


def _write(connection: Connection, dirty: Mapping[tuple[str, ...], Record | Message | None]) -> None:
    for (_, name, *_rest), what in dirty.items():
        if what is None:
            connection.execute(delete(_SESSIONS).where(_SESSIONS.c.name == name))
            connection.execute(delete(_MESSAGES).where(_MESSAGES.c.session == name))
    records = [_row(what) for what in dirty.values() if isinstance(what, Record)]
    messages = [{**_row(what), "at": min(what.times.values())} for what in dirty.values() if isinstance(what, Message)]
    for table, rows in ((_SESSIONS, records), (_MESSAGES, messages)):
        if rows:
            connection.execute(_put(table, connection.dialect.name), rows)


def _row(what: Record | Message) -> dict[str, Any]:
    return {field.name: getattr(what, field.name) for field in fields(what)}


def _put(table: Table, dialect: str) -> Insert:
    """Insert what is new and replace what is known, in one statement for all rows: it runs twice for each message."""
    put = (postgresql if dialect == "postgresql" else sqlite).insert(table)
    new = {column.name: put.excluded[column.name] for column in table.columns if not column.primary_key}
    statement: Insert = put.on_conflict_do_update(index_elements=list(table.primary_key), set_=new)
    return statement
