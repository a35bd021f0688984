"""What the MQL5 sources may not contain: what MetaEditor refuses, and what it lets pass and what bites later.

Run: python -m tests.mql5.lint FILE…
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tests.mql5.tokens import Kind, Source, Token, arguments, closing, read

Tokens = tuple[Token, ...]

_FOREIGN = {
    "auto": "MQL5 has no auto",
    "nullptr": "MQL5 has no nullptr: use NULL",
    "unsigned": "write uint, ulong, uchar",
    "signed": "write int, char",
    "try": "MQL5 has no exceptions",
    "catch": "MQL5 has no exceptions",
    "throw": "MQL5 has no exceptions",
    "std": "MQL5 has no standard library of C++",
    "goto": "MQL5 has no goto",
    "constexpr": "MQL5 has no constexpr",
    "decltype": "MQL5 has no decltype",
    "friend": "MQL5 has no friend",
    "mutable": "MQL5 has no mutable",
    "noexcept": "MQL5 has no noexcept",
    "static_cast": "write (type)value",
    "const_cast": "write (type)value",
    "reinterpret_cast": "write (type)value",
    "size_t": "write int or uint",
    "int64_t": "write long",
    "uint64_t": "write ulong",
    "printf": "write PrintFormat",
    "new": "value objects only",
    "delete": "value objects only",
    "GetPointer": "value objects only",
    "union": "outside the subset",
    "template": "outside the subset",
    "virtual": "outside the subset",
    "EnumToString": "name values by a switch: the tests then see the same text as the chart",
    "CTrade": "OrderSend directly, so that all shipped code is tested",
}
_BLOCKING = {
    "Sleep": "blocks the chart's thread",
    "MessageBox": "blocks the chart's thread",
    "GetTickCount": "wraps after 49.7 days: use GetTickCount64",
    "TerminalClose": "closes the user's terminal",
    "SendMail": "outside the subset",
    "SendFTP": "outside the subset",
}
_OUTSIDE = ("Database", "Calendar", "CL", "Socket", "Resource", "Custom")
_MQL4 = {
    "Ask", "Bid", "MarketInfo", "OrdersHistoryTotal", "OrderModify", "OrderClose", "OrderLots", "OrderProfit",
    "OrderTicket", "OrderType", "RefreshRates", "TimeHour", "TimeDay", "TimeDayOfWeek", "StrToDouble",
    "AccountBalance", "AccountEquity", "OP_BUY", "OP_SELL", "MODE_SPREAD",
}  # fmt: skip
_SIMPLE = {
    "int", "uint", "long", "ulong", "short", "ushort", "char", "uchar", "double", "float", "bool", "datetime",
    "color", "string", "void", "MqlRates", "MqlTick", "MqlTradeRequest", "MqlTradeResult",
}  # fmt: skip
_MUST_BE_USED = {
    "OrderSend", "OrderCheck", "CopyRates", "CopyTicks", "CopyHigh", "CopyLow", "CopyClose", "CopyBuffer",
    "HistorySelect", "PositionSelectByTicket", "OrderSelect", "SymbolInfoTick", "WebRequest",
}  # fmt: skip
_LONGEST_NAME = 63


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule broken at a line."""

    path: Path
    line: int
    rule: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.reason}"


Rule = Callable[[Tokens], Iterator[tuple[int, str]]]


def lint(source: Source) -> list[Finding]:
    """Every rule broken in one file, by line."""
    found = [Finding(source.path, line, "text", reason) for line, reason in _text(source)]
    for rule in RULES:
        name = rule.__name__.strip("_").replace("_", "-")
        found += [Finding(source.path, line, name, reason) for line, reason in rule(source.code)]
    return sorted(found, key=lambda finding: finding.line)


def _text(source: Source) -> Iterator[tuple[int, str]]:
    content = source.path.read_bytes()
    if not content.isascii():
        yield 1, "ASCII only: MetaEditor may read other letters as another code page"
    if b"\r" in content:
        yield 1, "lines end with LF"


def _words(code: Tokens) -> Iterator[tuple[int, str]]:
    for index, token in enumerate(code):
        if token.kind is not Kind.NAME:
            continue
        called = index + 1 < len(code) and code[index + 1].text == "("
        member = index > 0 and code[index - 1].text == "."
        if token.text in _FOREIGN:
            yield token.line, _FOREIGN[token.text]
        elif called and token.text in _BLOCKING:
            yield token.line, f"{token.text}: {_BLOCKING[token.text]}"
        elif called and not member and token.text.startswith(_OUTSIDE) and token.text[2:3].islower():
            yield token.line, f"{token.text} is outside the subset"
        elif token.text in _MQL4 and not member and not (called and token.text in ("Ask", "Bid")):
            yield token.line, f"{token.text} is MQL4"
        if len(token.text) > _LONGEST_NAME:
            yield token.line, f"names have at most {_LONGEST_NAME} letters"


def _pointers(code: Tokens) -> Iterator[tuple[int, str]]:
    for before, token, after in zip(code, code[1:], code[2:], strict=False):
        if token.text == "->":
            yield token.line, "MQL5 has no ->"
        elif token.text == "*" and before.text in _SIMPLE and after.kind is Kind.NAME:
            yield token.line, "pointers to simple types and structures do not exist"
        elif token.text == "&" and before.text in ("=", "return") and after.kind is Kind.NAME:
            yield token.line, "MQL5 has no address-of"


def _local_references(code: Tokens) -> Iterator[tuple[int, str]]:
    for index in range(1, len(code) - 3):
        opens = code[index - 1].text in (";", "{", "}") and code[index].kind is Kind.NAME
        if opens and code[index + 1].text == "&" and code[index + 3].text == "=":
            yield code[index].line, "MQL5 has no references as variables"


def _array_parameters(code: Tokens) -> Iterator[tuple[int, str]]:
    for index in range(2, len(code) - 1):
        named = code[index - 1].kind is Kind.NAME and code[index - 2].kind is Kind.NAME
        if not (code[index].text == "[" and code[index + 1].text == "]" and named):
            continue
        if index > 2 and code[index - 3].text in ("(", ",", "const") and code[index + 2].text in (",", ")"):
            yield code[index].line, "arrays are passed by reference: T &name[]"


def _statics(code: Tokens) -> Iterator[tuple[int, str]]:
    for token in code:
        if token.text == "static":
            yield token.line, "a static keeps its value over a restart of the test: state lives in an object"


def _inputs(code: Tokens) -> Iterator[tuple[int, str]]:
    inputs = {code[at + 2].text for at in range(len(code) - 2) if code[at].text in ("input", "sinput")}
    for index in range(1, len(code) - 1):
        assigned = code[index + 1].text in ("=", "+=", "-=", "*=", "/=", "++", "--")
        declared = index > 1 and code[index - 2].text in ("input", "sinput")
        if code[index].text in inputs and assigned and not declared:
            yield code[index].line, f"input {code[index].text} is a constant"
    for index in range(len(code) - 3):
        if code[index].text == "input" and code[index + 3].text == "[":
            yield code[index].line, "an input is no array"


def _literals(code: Tokens) -> Iterator[tuple[int, str]]:
    for index, token in enumerate(code):
        if token.kind is Kind.NUMBER and token.text[-1] in "uUlL" and not token.text.lower().startswith("0x"):
            yield token.line, "no u or l after a number: cast instead"
        named = token.text == "{" and index > 1 and code[index - 1].kind is Kind.NAME
        if named and code[index - 2].text in ("=", "(", ",", "return"):
            yield token.line, "no temporary T{...}: declare a variable"
        if token.text == "{" and index and code[index - 1].text == "return":
            yield token.line, "no braced return"


def _lambdas(code: Tokens) -> Iterator[tuple[int, str]]:
    for before, token in pairwise(code):
        if token.text == "[" and before.kind is Kind.MARK and before.text in ("=", "(", ","):
            yield token.line, "MQL5 has no lambdas"


def _loops(code: Tokens) -> Iterator[tuple[int, str]]:
    for index, token in enumerate(code[:-1]):
        if token.text == "for" and code[index + 1].text == "(":
            inside = code[index + 2 : closing(code, index + 1)]
            if not any(part.text == ";" for part in inside):
                yield token.line, "MQL5 has no loop over a range"


def _bytes(code: Tokens) -> Iterator[tuple[int, str]]:
    counts = {"StringToCharArray": 5, "CharArrayToString": 4}
    for index, token in enumerate(code[:-1]):
        called = code[index + 1].text == "("
        if called and token.text in counts and len(arguments(code, index + 1)) < counts[token.text]:
            yield token.line, f"{token.text}: pass count and CP_UTF8 (the default copies a zero and is ANSI)"
        if called and token.text == "WebRequest" and len(arguments(code, index + 1)) not in (7, 9):
            yield token.line, "WebRequest takes 7 or 9 arguments"


def _results(code: Tokens) -> Iterator[tuple[int, str]]:
    for before, token, after in zip(code, code[1:], code[2:], strict=False):
        if token.text in _MUST_BE_USED and after.text == "(" and before.text in (";", "{", "}", "else", ")"):
            yield token.line, f"{token.text}: the result is not looked at"


def _strings(code: Tokens) -> Iterator[tuple[int, str]]:
    for before, token, after in zip(code, code[1:], code[2:], strict=False):
        if token.text in ("==", "!=") and ("NULL" in (before.text, after.text) or '""' in (before.text, after.text)):
            yield token.line, 'NULL differs from "": test StringLen(text) == 0'


def _includes(code: Tokens) -> Iterator[tuple[int, str]]:
    for token in code:
        if token.kind is not Kind.DIRECTIVE:
            continue
        words = token.text.strip()[1:].split()
        if words[:1] == ["include"] and "\\" in token.text:
            yield token.line, "use / in an include"
        if words[:1] == ["include"] and "<Trade" in token.text:
            yield token.line, "OrderSend directly, so that all shipped code is tested"
        if words[:1] == ["import"]:
            yield token.line, "no libraries from outside"


def _declarations(code: Tokens) -> Iterator[tuple[int, str]]:
    """`int i = 3, int j = 4;` and `T a[], b[];`, of which the second would reach the compiler half translated."""
    for index in range(2, len(code) - 2):
        closed = code[index - 1].text == "]" or code[index - 1].kind is Kind.NUMBER
        if code[index].text != "," or not closed:
            continue
        start = index
        while start and code[start].text not in (";", "{", "}", "("):
            start -= 1
        typed = code[start + 1].text in _SIMPLE or code[start + 1].text == "const"
        if code[start].text == "(" or not typed:
            continue
        if code[index + 1].text in _SIMPLE:
            yield code[index].line, "one type a declaration"
        elif code[index - 1].text == "]" and code[start + 3].text == "[":
            yield code[index].line, "one array a declaration"


RULES: tuple[Rule, ...] = (
    _words, _pointers, _local_references, _array_parameters, _statics, _inputs, _literals, _lambdas, _loops, _bytes,
    _results, _strings, _includes, _declarations,
)  # fmt: skip


def main(paths: list[str]) -> int:
    """1 where a rule is broken."""
    found = [finding for path in paths for finding in lint(read(Path(path)))]
    print("\n".join(map(str, found)))  # noqa: T201
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
