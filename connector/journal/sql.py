"""Runs SQLAlchemy Core statements on a bare database connection, each compiled once per process.

SQLAlchemy writes the SQL for both engines; its execution layer, result rows and pool cost three times what
the statements themselves do, on the few statements that every click runs. Values here are plain (text,
numbers, None), so nothing needs converting on the way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ClauseElement, ColumnElement, Insert, or_
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.sql.compiler import SQLCompiler

Row = Mapping[str, Any]


def one_of(column: Any, values: Iterable[str]) -> ColumnElement[bool]:
    """`column IN values` spelled out: an IN list would have to be expanded at every execution."""
    return or_(*(column == value for value in sorted(values)))


class Statements:
    """Compiled SQL of one dialect, by statement (and for inserts by the columns given)."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        #: Raised for a text that cannot be stored as it is, before anything of it was sent.
        self.unstorable: tuple[type[Exception], ...] = (UnicodeEncodeError, dialect.loaded_dbapi.DataError)
        self._compiled: dict[tuple[ClauseElement, tuple[str, ...]], tuple[str, dict[str, Any]]] = {}

    def of(self, statement: ClauseElement, given: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """The SQL text, and the parameters: what was given over the statement's own constants."""
        columns = tuple(sorted(given)) if isinstance(statement, Insert) else ()
        known = self._compiled.get((statement, columns))
        if known is None:
            made = statement.compile(
                dialect=self.dialect,
                column_keys=list(columns) or None,
            )
            assert isinstance(made, SQLCompiler)  # every statement here is SQL
            # A value that was forgotten is no NULL: the database says that it is missing.
            forgotten = {name for bind, name in made.bind_names.items() if bind.required}
            constants = {name: made.params[name] for name in made.params if name not in {*given, *forgotten}}
            known = self._compiled[(statement, columns)] = (str(made), constants)
        text, constants = known
        return text, {**constants, **given}


class Result:
    """What a statement left behind: rows by column name, and how many it changed."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor
        self._names: list[str] | None = None

    @property
    def rowcount(self) -> int:
        """How many rows were changed."""
        return int(self._cursor.rowcount)

    def first(self) -> Row | None:
        """The first row, or None."""
        row = self._cursor.fetchone()
        return None if row is None else self._named(row)

    def all(self) -> list[Row]:
        """Every row."""
        return [self._named(row) for row in self._cursor.fetchall()]

    def scalar(self) -> Any:
        """The first column of the first row, or None."""
        row = self._cursor.fetchone()
        return None if row is None else row[0]

    def __iter__(self) -> Iterator[Row]:
        return iter(self.all())

    def _named(self, row: Any) -> Row:
        if self._names is None:
            self._names = [column[0] for column in self._cursor.description]
        return dict(zip(self._names, row, strict=True))


class Connection:
    """One bare connection that takes Core statements."""

    def __init__(
        self,
        bare: Any,
        statements: Statements,
        began_at: float | None = None,
        notes: list[str] | None = None,
    ) -> None:
        self.bare = bare
        #: The server's time when its transaction began, where the server is asked for the time.
        self.began_at = began_at
        #: Told to other processes with the commit, where the database can.
        self.notes = notes
        self._statements = statements

    def execute_once(self, statement: ClauseElement, given: Mapping[str, Any] | None = None) -> Result:
        """The same for a statement built for this one time: it is compiled, and not kept."""
        return self._run(*Statements(self._statements.dialect).of(statement, given or {}))

    def execute_many(self, statement: ClauseElement, given: Sequence[Mapping[str, Any]]) -> None:
        """Run one statement for each of several sets of parameters."""
        text, _ = self._statements.of(statement, given[0])
        try:
            self.bare.cursor().executemany(text, given)
        except self._statements.unstorable as refused:
            _raise_from_server(refused)
            self.bare.cursor().executemany(text, [_storable(values) for values in given])

    def execute(self, statement: ClauseElement, given: Mapping[str, Any] | None = None) -> Result:
        """Run one statement with named parameters."""
        return self._run(*self._statements.of(statement, given or {}))

    def _run(self, text: str, parameters: Mapping[str, Any]) -> Result:
        cursor = self.bare.cursor()
        try:
            cursor.execute(text, parameters)
        except self._statements.unstorable as refused:
            _raise_from_server(refused)
            cursor.execute(text, _storable(parameters))
        return Result(cursor)


def _raise_from_server(refused: Exception) -> None:
    """What the server itself did not like has failed the transaction: no second try."""
    if getattr(refused, "sqlstate", None):
        raise refused


def _storable(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """A CRM's text cut in the middle of a character is stored by no database, a NUL not by PostgreSQL."""
    return {
        name: value.encode("utf-8", "replace").decode().replace("\0", "?")
        if isinstance(value, str)
        else value
        for name, value in parameters.items()
    }
