"""MQL5 source as tokens that join to the text they came from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

_PATTERN = re.compile(
    r"""
    (?P<comment>//[^\n]*|/\*.*?\*/)
  | (?P<directive>^[ \t]*\#(?:[^\n\\]|\\\n|\\[^\n])*)
  | (?P<time>D'[^'\n]*')
  | (?P<colour>C'[^'\n]*')
  | (?P<text>"(?:\\.|[^"\\\n])*")
  | (?P<character>'(?:\\.|[^'\\\n])+')
  | (?P<number>0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?[fFuUlL]*)
  | (?P<name>[A-Za-z_]\w*)
  | (?P<space>\s+)
  | (?P<mark><<=|>>=|\.\.\.|::|->|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|.)
    """,
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)


class Kind(StrEnum):
    """What a token is."""

    COMMENT = "comment"
    DIRECTIVE = "directive"
    TIME = "time"
    COLOUR = "colour"
    TEXT = "text"
    CHARACTER = "character"
    NUMBER = "number"
    NAME = "name"
    SPACE = "space"
    MARK = "mark"


@dataclass(frozen=True, slots=True)
class Token:
    """One token, with the line it begins on."""

    kind: Kind
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Source:
    """One file as tokens."""

    path: Path
    tokens: tuple[Token, ...]

    @property
    def code(self) -> tuple[Token, ...]:
        """Tokens that are neither space nor comment."""
        return tuple(token for token in self.tokens if token.kind not in (Kind.SPACE, Kind.COMMENT))


def read(path: Path) -> Source:
    """The file as tokens."""
    return Source(path, tokenise(path.read_bytes().decode()))


def tokenise(text: str) -> tuple[Token, ...]:
    """Tokens whose texts join to `text`."""
    found, line = [], 1
    for match in _PATTERN.finditer(text):
        found.append(Token(Kind(str(match.lastgroup)), match.group(), line))
        line += match.group().count("\n")
    return tuple(found)


def closing(tokens: tuple[Token, ...], opening: int) -> int:
    """Index of the bracket that closes the one at `opening`; the last index where none does."""
    pairs = {"(": ")", "[": "]", "{": "}"}
    wanted, depth = [tokens[opening].text, pairs[tokens[opening].text]], 0
    for index in range(opening, len(tokens)):
        if tokens[index].kind is Kind.MARK and tokens[index].text in wanted:
            depth += 1 if tokens[index].text == wanted[0] else -1
            if depth == 0:
                return index
    return len(tokens) - 1


def arguments(tokens: tuple[Token, ...], opening: int) -> list[tuple[Token, ...]]:
    """The comma-separated parts between the bracket at `opening` and its partner."""
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in tokens[opening + 1 : closing(tokens, opening)]:
        if token.kind is Kind.MARK:
            depth += (token.text in "([{") - (token.text in ")]}")
        if token.kind is Kind.MARK and token.text == "," and depth == 0:
            parts.append([])
        else:
            parts[-1].append(token)
    return [tuple(part) for part in parts] if any(parts) else []
