"""Read ``.proto`` files into descriptors.

messages, nested messages, enums, fields, oneofs, maps, options of fields    read
services, extensions, reserved names, options of files and messages          skipped
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import Any

from google.protobuf import descriptor_pb2 as d
from google.protobuf.message import DecodeError

from kappaflow.errors import ConfigError

_TOKEN = re.compile(
    r"\s+|//[^\n]*|/\*.*?\*/|(\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|[A-Za-z_.][\w.]*|[+-]?\d[\w.+-]*|[{}\[\]()<>=;,:/-])",
    re.S,
)
_SCALARS = {
    name: getattr(d.FieldDescriptorProto, f"TYPE_{name.upper()}")
    for name in """double float int32 int64 uint32 uint64 sint32 sint64 fixed32 fixed64 sfixed32 sfixed64
    bool string bytes""".split()
}
_LABELS = {"optional", "required", "repeated"}


@dataclass(slots=True)
class ProtoFile:
    """A file and what its descriptor has no place for.

    Attributes:
        meta: parameters of ``confluent.field_meta`` by message (with its outer ones) and field.
    """

    descriptor: Any
    meta: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict[tuple[str, str], dict[str, str]])


def parse_proto(text: str, name: str) -> ProtoFile:
    """Read a file, as text or as the Base64 form of its descriptor.

    Args:
        text: the file.
        name: what importers call it.

    Raises:
        ConfigError: it is neither.
    """
    if not re.search(r"\b(message|enum|syntax|import)\b", text):
        try:
            descriptor = d.FileDescriptorProto.FromString(base64.b64decode(text, validate=True))
        except (binascii.Error, DecodeError):
            raise ConfigError("Not a Protobuf schema: neither a .proto file nor a descriptor in Base64.") from None
        descriptor.name = name
        return ProtoFile(descriptor)
    return _Parser(text, name).file()


class _Parser:
    def __init__(self, text: str, name: str) -> None:
        self._tokens = self._split(text)
        self._position = 0
        self._out = ProtoFile(d.FileDescriptorProto(name=name, syntax="proto2"))

    @staticmethod
    def _split(text: str) -> list[str]:
        tokens: list[str] = []
        position = 0
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None:
                line = text.count("\n", 0, position) + 1
                raise ConfigError(f"Not a Protobuf schema: line {line}: unexpected {text[position]!r}.")
            if match.group(1):
                tokens.append(match.group(1))
            position = match.end()
        return tokens

    def _next(self) -> str:
        if self._position >= len(self._tokens):
            raise ConfigError("Not a Protobuf schema: it ends too early.")
        self._position += 1
        return self._tokens[self._position - 1]

    def _peek(self) -> str:
        return self._tokens[self._position] if self._position < len(self._tokens) else ""

    def _expect(self, token: str) -> None:
        found = self._next()
        if found != token:
            raise ConfigError(f"Not a Protobuf schema: expected '{token}', got '{found}'.")

    def file(self) -> ProtoFile:
        descriptor = self._out.descriptor
        while self._position < len(self._tokens):
            word = self._next()
            match word:
                case ";":
                    continue
                case "syntax":
                    self._expect("=")
                    descriptor.syntax = _unquoted(self._next())
                    self._expect(";")
                case "package":
                    descriptor.package = self._next()
                    self._expect(";")
                case "import":
                    if self._peek() in {"public", "weak"}:
                        self._next()
                    descriptor.dependency.append(_unquoted(self._next()))
                    self._expect(";")
                case "message":
                    self._message(descriptor.message_type.add(), "")
                case "enum":
                    self._enum(descriptor.enum_type.add())
                case "option" | "service" | "extend":
                    self._skip()
                case _:
                    raise ConfigError(f"Not a Protobuf schema: unexpected '{word}'.")
        return self._out

    def _skip(self) -> None:
        """Skip a statement: to its semicolon, or over its braces."""
        depth = 0
        while True:
            token = self._next()
            if token == "{":
                depth += 1
            elif token == "}":
                depth -= 1
                if depth == 0:
                    return
            elif token == ";" and depth == 0:
                return

    def _message(self, message: Any, outer: str) -> None:
        message.name = self._next()
        path = f"{outer}.{message.name}" if outer else message.name
        self._expect("{")
        while True:
            word = self._next()
            match word:
                case "}":
                    break
                case ";":
                    continue
                case "message":
                    self._message(message.nested_type.add(), path)
                case "enum":
                    self._enum(message.enum_type.add())
                case "oneof":
                    self._oneof(message, path)
                case "option" | "reserved" | "extensions" | "extend":
                    self._skip()
                case _:
                    self._field(message, word, path)
        self._finish_optionals(message)

    @staticmethod
    def _finish_optionals(message: Any) -> None:
        """Give each optional field of proto3 its own oneof, after the real ones."""
        for each in message.field:
            if each.proto3_optional:
                each.oneof_index = len(message.oneof_decl)
                message.oneof_decl.add(name=f"_{each.name}")

    def _oneof(self, message: Any, path: str) -> None:
        index = len(message.oneof_decl)
        message.oneof_decl.add(name=self._next())
        self._expect("{")
        while (word := self._next()) != "}":
            if word == "option":
                self._skip()
            elif word != ";":
                self._field(message, word, path).oneof_index = index

    def _field(self, message: Any, word: str, path: str) -> Any:
        made = message.field.add(label=d.FieldDescriptorProto.LABEL_OPTIONAL)
        if word in _LABELS:
            if word == "repeated":
                made.label = d.FieldDescriptorProto.LABEL_REPEATED
            elif word == "required":
                made.label = d.FieldDescriptorProto.LABEL_REQUIRED
            elif self._out.descriptor.syntax == "proto3":
                made.proto3_optional = True
            word = self._next()
        if word == "map" and self._peek() == "<":
            self._map(message, made)
        else:
            _set_type(made, word)
            made.name = self._next()
        self._expect("=")
        made.number = int(self._next(), 0)
        if self._peek() == "[":
            self._options(path, made.name)
        self._expect(";")
        return made

    def _map(self, message: Any, made: Any) -> None:
        self._expect("<")
        key = self._next()
        self._expect(",")
        value = self._next()
        self._expect(">")
        made.name = self._next()
        made.label = d.FieldDescriptorProto.LABEL_REPEATED
        entry = message.nested_type.add(name="".join(p.capitalize() for p in made.name.split("_")) + "Entry")
        entry.options.map_entry = True
        for number, (name, kind) in enumerate((("key", key), ("value", value)), 1):
            _set_type(entry.field.add(name=name, number=number, label=d.FieldDescriptorProto.LABEL_OPTIONAL), kind)
        made.type = d.FieldDescriptorProto.TYPE_MESSAGE
        made.type_name = entry.name

    def _options(self, path: str, name: str) -> None:
        """Read over the options of a field and keep the parameters of its metadata."""
        depth = 0
        seen: list[str] = []
        while True:
            token = self._next()
            seen.append(token)
            depth += (token in "[{(") - (token in "]})")
            if depth == 0:
                break
        if "confluent.field_meta" not in seen:
            return
        found = self._out.meta.setdefault((path, name), {})
        entry: dict[str, str] = {}
        for index, token in enumerate(seen):
            if token in {"key", "value"} and seen[index + 1] == ":":
                entry[token] = _unquoted(seen[index + 2])
                if len(entry) == 2:
                    found[entry["key"]] = entry["value"]
                    entry = {}

    def _enum(self, enum: Any) -> None:
        enum.name = self._next()
        self._expect("{")
        while (word := self._next()) != "}":
            if word in {"option", "reserved"}:
                self._skip()
            elif word != ";":
                self._expect("=")
                enum.value.add(name=word, number=int(self._next(), 0))
                if self._peek() == "[":
                    self._options("", "")
                self._expect(";")


def _set_type(made: Any, word: str) -> None:
    if word in _SCALARS:
        made.type = _SCALARS[word]
    else:
        made.type_name = word


def _unquoted(token: str) -> str:
    return token[1:-1] if token[:1] in {'"', "'"} else token
