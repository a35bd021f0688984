"""MQL5 to C++20: literals, arrays, inputs and includes change; every line keeps its number."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass, field
from pathlib import Path

from tests.mql5.tokens import Kind, Source, Token, closing, read

_NOT_TYPES = {
    "return", "else", "case", "goto", "public", "private", "protected", "if", "while", "for", "switch", "do", "default",
    "break", "continue", "enum", "struct", "class", "const", "static", "input", "sinput",
}  # fmt: skip
_OF_THE_CHART = {
    "_Symbol": "::mql5::ChartSymbol()",
    "_Point": "::mql5::Chart().point",
    "_Digits": "::mql5::Chart().digits",
}
_BEFORE_DECLARATION = {"{", "}", ";", "(", ",", ":", "const", "static", "input", "sinput"}


@dataclass(slots=True)
class Program:
    """A program of one `.mq5` file and all it includes, as C++."""

    text: str
    sources: list[Source] = field(default_factory=list)


def translate(main: Path, include: Path) -> Program:
    """The program as C++ inside `namespace mql5::program`, to be compiled behind `shim/mql.hpp`.

    Raises:
        FileNotFoundError: an include is nowhere.
    """
    translator = _Translator(include)
    body = translator.file(main)
    return Program(
        "namespace mql5::program {\n" + body + '\n#line 1 "generated"\n' + translator.tail() + "}\n",
        translator.sources,
    )


class _Translator:
    def __init__(self, include: Path) -> None:
        self.include = include
        self.sources: list[Source] = []
        self._seen: set[Path] = set()
        self._inputs: list[tuple[str, str, str]] = []
        self._globals: list[tuple[str, str]] = []

    def file(self, path: Path) -> str:
        if path.resolve() in self._seen:
            return ""
        self._seen.add(path.resolve())
        source = read(path)
        out = self._rewrite(source)
        self.sources.append(source)
        return f'\n#line 1 "{path}"\n{out}'

    def tail(self) -> str:
        """What a test needs of a program: its inputs by name, and its globals as new."""
        lines = [
            "inline void RegisterInputs(InputTable &table) {",
            *(f'  table.Add("{name}", {name});' for _, name, _ in self._inputs),
            "}",
            "inline void RenewVariables() {",
            *(f"  Renew({name}{initial});" for name, initial in self._globals),
            "}",
            "inline void RenewGlobals() {  // and the inputs as they were written",
            "  RenewVariables();",
            *(f"  {name} = {initial};" for _, name, initial in self._inputs),
            "}",
        ]
        return "\n".join(lines) + "\n"

    def _rewrite(self, source: Source) -> str:
        tokens = [_Slot(token) for token in source.tokens]
        code = [slot for slot in tokens if slot.token.kind not in (Kind.SPACE, Kind.COMMENT)]
        self._literals(code, source.path)
        self._arrays(code)
        self._declarations(code)
        return "".join(slot.out for slot in tokens)

    def _literals(self, code: list[_Slot], path: Path) -> None:
        for slot in code:
            token = slot.token
            if token.kind is Kind.TEXT:
                slot.out = token.text + "_s"
            elif token.kind is Kind.NAME:
                slot.out = _OF_THE_CHART.get(token.text, token.text)
            elif token.kind is Kind.TIME:
                slot.out = f"::mql5::datetime({_seconds(token.text[2:-1])}L)"
            elif token.kind is Kind.COLOUR:
                red, green, blue = (int(part, 0) for part in token.text[2:-1].split(","))
                slot.out = f"::mql5::color({red | green << 8 | blue << 16})"
            elif token.kind is Kind.DIRECTIVE:
                slot.out = self._directive(token, path)

    def _directive(self, token: Token, path: Path) -> str:
        body = re.sub(r"//[^\n]*$", "", token.text.strip().removeprefix("#").strip())
        word, _, rest = body.partition(" ")
        blank = "\n" * token.text.count("\n")
        if word == "property":
            return blank
        if word == "include":
            return self._included(rest.strip(), path) + f'\n#line {token.line} "{path}"\n'
        if word == "define":
            return "#" + re.sub(r'"(?:\\.|[^"\\])*"', lambda found: found.group() + "_s", body)
        return "#" + body

    def _included(self, named: str, path: Path) -> str:
        name = named[1:-1]
        folders = [path.parent, self.include] if named.startswith('"') else [self.include]
        for folder in folders:
            if (folder / name).is_file():
                return self.file(folder / name)
        raise FileNotFoundError(f"{path}: include {named} is in none of {', '.join(map(str, folders))}")

    def _arrays(self, code: list[_Slot]) -> None:
        """`T a[]` and `T a[N]` become the shim's arrays, as variables, members and parameters."""
        tokens = tuple(slot.token for slot in code)
        for index in range(1, len(code) - 2):
            before = tokens[index - 1].text
            if not _names_type(tokens[index]) or before not in _BEFORE_DECLARATION:
                continue
            name = index + (2 if tokens[index + 1].text == "&" else 1)
            if name + 1 >= len(tokens) or tokens[name].kind is not Kind.NAME or tokens[name + 1].text != "[":
                continue
            end = closing(tokens, name + 1)
            if end + 1 >= len(tokens) or tokens[end + 1].text not in (";", "=", ",", ")"):
                continue
            size = "".join(slot.out for slot in code[name + 2 : end])
            kind = tokens[index].text
            code[index].out = f"MqlFixed<{kind}, ({size})>" if size else f"MqlArray<{kind}>"
            for slot in code[name + 1 : end + 1]:
                slot.out = ""

    def _declarations(self, code: list[_Slot]) -> None:
        """Inputs and globals lose what C++ does not know, and are remembered."""
        depth = 0
        for index, slot in enumerate(code):
            text = slot.token.text
            depth += (text in "({[") - (text in ")}]") if slot.token.kind is Kind.MARK else 0
            if text == "enum" and slot.token.kind is Kind.NAME and code[index + 2].token.text == "{":
                code[index + 1].out += " : int"
            if depth or slot.token.kind is not Kind.NAME or not (index == 0 or _ends(code[index - 1].token)):
                continue
            if text in ("input", "sinput"):
                self._input(code, index)
            elif _names_type(slot.token):
                self._global(code, index)

    def _input(self, code: list[_Slot], index: int) -> None:
        code[index].out = ""
        if code[index + 1].token.text == "group":
            for slot in code[index : index + 3]:
                slot.out = ""
            return
        name = code[index + 2].token.text
        self._inputs.append((code[index + 1].token.text, name, _initial(code, index + 2)))

    def _global(self, code: list[_Slot], index: int) -> None:
        if index + 2 >= len(code) or code[index + 1].token.kind is not Kind.NAME:
            return
        after = code[index + 2].token.text
        name = code[index + 1].token.text
        if after in (";", "["):
            self._globals.append((name, ""))
        elif after == "=":
            self._globals.append((name, ", " + _initial(code, index + 1)))


class _Slot:
    """A token and the text that stands for it in C++."""

    __slots__ = ("out", "token")

    def __init__(self, token: Token) -> None:
        self.token = token
        self.out = token.text


def _initial(code: list[_Slot], name: int) -> str:
    """What stands between the `=` after a name and the next `;`."""
    end = next(at for at in range(name, len(code)) if code[at].token.text == ";")
    return " ".join(slot.out for slot in code[name + 2 : end])


def _names_type(token: Token) -> bool:
    return token.kind is Kind.NAME and token.text not in _NOT_TYPES


def _ends(token: Token) -> bool:
    return token.text in (";", "}") or token.kind in (Kind.DIRECTIVE, Kind.TEXT)


def _seconds(text: str) -> int:
    """Unix time of the inside of a D'2024.01.02 03:04:05' literal."""
    day, _, hour = text.strip().partition(" ")
    if ":" in day:
        day, hour = "1970.01.01", day
    year, month, date = (int(part) for part in day.split("."))
    clock = [int(part) for part in hour.split(":")] if hour else []
    hours, minutes, seconds = [*clock, 0, 0, 0][:3]
    return calendar.timegm((year, month, date, hours, minutes, seconds))
