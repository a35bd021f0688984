"""What is said and when: each cause once, its end once, nothing that can wait during quiet hours."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from trifecta.clock import NS_PER_S
from trifecta.ops.alerts.facts import Facts
from trifecta.ops.alerts.rules import RULES, Rule, Severity
from trifecta.settings import AlertSettings

MOST_WAITING = 200
STATE = "alerts.json"

SIMULATED = "SIMULATED market: nothing here was traded anywhere."


class Active(msgspec.Struct):
    """A cause that lasts."""

    rule: str
    subject: str
    text: str
    since_ns: int
    told: bool = False


class Message(msgspec.Struct, frozen=True):
    """One thing to tell a person."""

    title: str
    body: str
    severity: str
    kind: str
    """`alert`, `recovery`, `summary` or `test`."""
    ts_ns: int


class State(msgspec.Struct):
    """What outlives a restart, so that nobody is told twice: causes that last, and what waits to be sent."""

    active: list[Active] = []
    waiting: list[Message] = []
    summed_up: str = ""
    """The day whose summary was sent last."""


class Watch:
    """Judges facts, one look after the other."""

    def __init__(
        self, settings: AlertSettings, state: State, rules: tuple[Rule, ...] = RULES, *, simulated: bool = False
    ) -> None:
        self._settings = settings
        self._ending = f"\n\n{SIMULATED}" if simulated else ""
        self._rules = {rule.name: rule for rule in rules if rule.name not in settings.mute}
        self.state = state

    def look(self, facts: Facts) -> None:
        """Takes in the facts of now; what there is to say waits in the state until `due` gives it out."""
        found = {
            (rule.name, subject): text
            for rule in self._rules.values()
            for subject, text in rule.find(facts, self._settings)
        }
        known = {(one.rule, one.subject): one for one in self.state.active}
        for (name, subject), text in found.items():
            if (name, subject) not in known:
                known[name, subject] = Active(name, subject, text, facts.now_ns)
            known[name, subject].text = text
        for key, one in known.items():
            if key in found:
                self._tell(one, facts.now_ns)
            elif one.told:
                self._say(one, "recovery", f"{one.subject}: over after {_lasted(one, facts.now_ns)}", facts.now_ns)
        self.state.active = [one for key, one in known.items() if key in found]

    def due(self, now_ns: int) -> Iterator[Message]:
        """What may be sent now, oldest first; in quiet hours only what is critical."""
        quiet = self.is_quiet(now_ns)
        yield from [one for one in self.state.waiting if not quiet or one.severity == Severity.CRITICAL]

    def sent(self, message: Message) -> None:
        """Forgets a message that was delivered."""
        self.state.waiting.remove(message)

    def add(self, message: Message) -> None:
        """Lets a message wait for its turn; beyond `MOST_WAITING` the oldest go."""
        self.state.waiting = [*self.state.waiting, message][-MOST_WAITING:]

    def is_quiet(self, now_ns: int) -> bool:
        """Whether only critical messages are sent now."""
        begin, end = self._settings.quiet_from, self._settings.quiet_until
        now = time_of_day(now_ns)
        if not begin:
            return False
        return begin <= now < end if begin <= end else now >= begin or now < end

    def _tell(self, one: Active, now_ns: int) -> None:
        rule = self._rules[one.rule]
        if not one.told and now_ns - one.since_ns >= rule.holds_s(self._settings) * NS_PER_S:
            one.told = True
            self._say(one, "alert", f"{one.subject}: {one.text}\n\n{rule.meaning}\n\nWhat to do: {rule.remedy}", now_ns)

    def _say(self, one: Active, kind: str, body: str, now_ns: int) -> None:
        rule = self._rules.get(one.rule)
        severity = rule.severity if rule is not None else Severity.WARNING
        mark = "recovered" if kind == "recovery" else severity.value
        title = f"[{mark}] {one.rule.replace('_', ' ')}: {one.subject}"
        self.add(Message(title, body + self._ending, severity, kind, now_ns))


def load(run_dir: Path) -> State:
    """What an earlier watch left; a new state where there is none or it cannot be read."""
    try:
        return msgspec.json.decode((run_dir / STATE).read_bytes(), type=State)
    except (OSError, msgspec.MsgspecError):
        return State()


def save(run_dir: Path, state: State) -> None:
    """Keeps the state; a reader sees the old one or the new one."""
    run_dir.mkdir(parents=True, exist_ok=True)
    aside = run_dir / f".{STATE}.new"
    aside.write_bytes(msgspec.json.encode(state))
    aside.replace(run_dir / STATE)


def time_of_day(now_ns: int) -> str:
    """`07:30`, UTC."""
    return datetime.fromtimestamp(now_ns / NS_PER_S, UTC).strftime("%H:%M")


def _lasted(one: Active, now_ns: int) -> str:
    seconds = (now_ns - one.since_ns) / NS_PER_S
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
