"""What is said and when, for causes of our choosing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.alerts.conftest import IMGHDR, Webhook
from trifecta.clock import NS_PER_S, ManualClock
from trifecta.errors import SettingsError
from trifecta.ops.alerts import watch
from trifecta.ops.alerts.facts import Facts
from trifecta.ops.alerts.rules import RULES, Rule, Severity
from trifecta.ops.alerts.running import Running
from trifecta.ops.alerts.sending import Sender
from trifecta.ops.alerts.watch import State, Watch
from trifecta.settings import AlertSettings, load

pytestmark = IMGHDR
NOON = 1_700_049_600 * NS_PER_S  # 12:00 UTC
NIGHT = NOON + 12 * 3600 * NS_PER_S
HOLDS_S = 10.0


class Causes:
    """Two rules that find what a test says."""

    def __init__(self) -> None:
        self.critical: dict[str, str] = {}
        self.warning: dict[str, str] = {}

    def rules(self) -> tuple[Rule, ...]:
        def critical(_: Facts, __: AlertSettings) -> Iterator[tuple[str, str]]:
            yield from self.critical.items()

        def warning(_: Facts, __: AlertSettings) -> Iterator[tuple[str, str]]:
            yield from self.warning.items()

        return (
            Rule("bad", Severity.CRITICAL, critical, "It is bad.", "Mend it.", lambda _: HOLDS_S),
            Rule("odd", Severity.WARNING, warning, "It is odd.", "Look at it."),
        )


@pytest.fixture
def causes() -> Causes:
    return Causes()


def titles(found: Watch, now_ns: int) -> list[str]:
    """What is sent now, and is delivered."""
    due = list(found.due(now_ns))
    for message in due:
        found.sent(message)
    return [message.title for message in due]


def test_tells_a_cause_once_when_it_lasted_and_its_end_once(causes: Causes) -> None:
    found = Watch(AlertSettings(), State(), causes.rules())
    causes.critical = {"feed": "it stands still"}
    said = []
    for second in range(60):
        found.look(Facts(NOON + second * NS_PER_S))
        said.append(titles(found, NOON + second * NS_PER_S))
    assert [title for title in said if title] == [["[critical] bad: feed"]]
    assert said[int(HOLDS_S)] == ["[critical] bad: feed"]
    causes.critical = {}
    for second in range(60, 90):
        found.look(Facts(NOON + second * NS_PER_S))
    assert titles(found, NOON) == ["[recovered] bad: feed"]


def test_says_nothing_of_a_cause_that_was_over_before_it_counted(causes: Causes) -> None:
    found = Watch(AlertSettings(), State(), causes.rules())
    for second in range(30):
        causes.critical = {"feed": "blinks"} if second % 5 else {}
        found.look(Facts(NOON + second * NS_PER_S))
    assert titles(found, NOON) == []


def test_each_subject_is_a_cause_of_its_own(causes: Causes) -> None:
    found = Watch(AlertSettings(), State(), causes.rules())
    causes.warning = {"one": "odd", "two": "odd"}
    found.look(Facts(NOON))
    causes.warning = {"two": "odder"}
    found.look(Facts(NOON + NS_PER_S))
    assert titles(found, NOON) == ["[warning] odd: one", "[warning] odd: two", "[recovered] odd: one"]


def test_a_restart_tells_nobody_twice(causes: Causes, tmp_path: Path) -> None:
    first = Watch(AlertSettings(), State(), causes.rules())
    causes.warning = {"one": "odd"}
    first.look(Facts(NOON))
    assert titles(first, NOON) == ["[warning] odd: one"]
    watch.save(tmp_path, first.state)
    second = Watch(AlertSettings(), watch.load(tmp_path), causes.rules())
    second.look(Facts(NOON + NS_PER_S))
    assert titles(second, NOON) == []
    causes.warning = {}
    second.look(Facts(NOON + 2 * NS_PER_S))
    assert titles(second, NOON) == ["[recovered] odd: one"]


def test_quiet_hours_let_only_what_is_critical_through_and_the_rest_comes_after(causes: Causes) -> None:
    settings = AlertSettings(quiet_from="22:00", quiet_until="07:00")
    found = Watch(settings, State(), causes.rules())
    causes.warning, causes.critical = {"one": "odd"}, {"feed": "it stands still"}
    found.look(Facts(NIGHT))
    found.look(Facts(NIGHT + int(HOLDS_S) * NS_PER_S))
    assert titles(found, NIGHT) == ["[critical] bad: feed"]
    assert titles(found, NIGHT + 8 * 3600 * NS_PER_S) == ["[warning] odd: one"]


def test_a_muted_rule_stays_silent(causes: Causes) -> None:
    found = Watch(AlertSettings(mute=["odd"]), State(), causes.rules())
    causes.warning = {"one": "odd"}
    found.look(Facts(NOON))
    assert titles(found, NOON) == []


def test_a_message_says_what_it_means_and_what_to_do(causes: Causes) -> None:
    found = Watch(AlertSettings(), State(), causes.rules())
    causes.warning = {"one": "it is 7"}
    found.look(Facts(NOON))
    assert next(found.due(NOON)).body == "one: it is 7\n\nIt is odd.\n\nWhat to do: Look at it."


def test_keeps_what_could_not_be_sent_and_tries_again_later(tmp_path: Path, webhook: Webhook) -> None:
    webhook.status = 503
    clock = ManualClock(NOON)
    settings = load(data_dir=tmp_path, alerts={"urls": [webhook.url], "mute": ["feed_down"]})
    running = Running(settings, clock, Sender(settings.alerts.urls))
    running.tick()
    clock.advance(20)  # the sidecar has not answered for long enough
    running.tick()
    assert webhook.titles == []
    webhook.status = 200
    running.tick()
    assert webhook.titles == []
    clock.advance(6)
    running.tick()
    running.tick()
    assert webhook.titles == ["[critical] sidecar down: sidecar"]


def test_an_address_that_is_none_is_refused_and_not_shown() -> None:
    with pytest.raises(SettingsError, match="address 2 of 2") as refused:
        Sender([SecretStr("json://127.0.0.1:1/x"), SecretStr("nonsense-with-a-secret")])
    assert "nonsense" not in str(refused.value)


def test_every_rule_tells_what_it_means_and_what_to_do() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert all(rule.meaning.endswith(".") and rule.remedy.endswith(".") for rule in RULES)
