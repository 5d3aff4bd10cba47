"""Runs statements against a server and prints the answers; shared by the prompt, -e and -f."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Generator

from kappaflow.cli.messages import message
from kappaflow.cli.sql.moments import row_shower
from kappaflow.cli.sql.places import in_file, pointed_at
from kappaflow.cli.sql.printing import Printer, make_printer, print_entity
from kappaflow.database import Database, Result
from kappaflow.errors import KappaError, ParseError, SqlError, StatementError
from kappaflow.server.control.property_rules import check_override, check_value
from kappaflow.sql.ast import statements as s
from kappaflow.sql.grammar.parser import ParsedStatement, parse
from kappaflow.sql.grammar.variables import unquote_triple


class Client:
    """A session: properties and variables live here and go along with every request.

    Attributes:
        output: table, json or csv.
    """

    def __init__(self, database: Database, output: str = "table") -> None:
        self.database = database
        self.output = output
        self.variables: dict[str, str] = {}

    def run_script(self, text: str) -> int:
        """Run statements in order; stop at the first that fails and return 1."""
        try:
            for statement in parse(text, self.variables):
                try:
                    self.run(statement)
                except StatementError as error:
                    raise error.within(in_file(str(error), statement.statement.position)) from None
        except KappaError as error:
            self.complain(error, text)
            return 1
        return 0

    def complain(self, error: KappaError, script: str = "") -> None:
        """Print an error for a person; one of the syntax with the line of the script that it is in."""
        text = str(error)
        if isinstance(error, SqlError):
            text = text.split("\nStatement:", maxsplit=1)[0]
        if isinstance(error, ParseError) and script and not self.variables:
            text += "\n" + pointed_at(script, error.line, error.column)
        sys.stderr.write(text.rstrip() + "\n")

    def run(self, parsed: ParsedStatement) -> None:
        """Run one statement and print its answer.

        Raises:
            KappaError: the statement failed.
        """
        match parsed.statement:
            case s.SetProperty(name, value):
                check_override(name, {})  # what the server keeps to itself, it refuses itself
                check_value(name, value)
                self.database.properties[name] = value
            case s.UnsetProperty(name):
                self.database.properties.pop(name, None)
            case s.DefineVariable(name, value):
                self.variables[name] = unquote_triple(value)
            case s.UndefineVariable(name):
                self.variables.pop(name, None)
            case s.Show("VARIABLES"):
                for name, value in sorted(self.variables.items()):
                    sys.stdout.write(f"{name} = {value}\n")
            case s.Query() | s.Print():
                self._run_query(parsed)
            case _:
                for entity in self.database.sql(parsed.text).entities:
                    print_entity(entity, self.output)

    def _run_query(self, parsed: ParsedStatement) -> None:
        result = self.database.sql(parsed.text)
        printer = make_printer(self.output, result.columns, plain=isinstance(parsed.statement, s.Print))
        pull = isinstance(parsed.statement, s.Query) and parsed.statement.emit is None
        with _interruptible(result):
            try:
                self._print_rows(result, printer, live=not pull)
            except KeyboardInterrupt:
                printer.close()
                sys.stderr.write("\n" + message("sql.ended") + "\n")

    def _print_rows(self, result: Result, printer: Printer, live: bool) -> None:
        show = row_shower(result.schema.types if result.schema is not None else ())
        for row in result:
            printer.row(show(row))
            if live:
                printer.flush()
        printer.close()


@contextlib.contextmanager
def _interruptible(result: Result) -> Generator[None]:
    """Let Ctrl-C end the query instead of the client."""
    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        result.close()
        signal.signal(signal.SIGINT, before)
