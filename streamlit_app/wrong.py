"""What is wrong now by the rules of the alerts, whether or not somebody is told of it."""

from __future__ import annotations

import threading
from time import monotonic
from typing import NamedTuple

import streamlit as st

from streamlit_app import accounts
from streamlit_app.reading import settings, sidecar
from trifecta.clock import SystemClock
from trifecta.ops.alerts import facts, watch
from trifecta.ops.alerts.rules import RULES, Rule, Severity
from trifecta.settings import Settings
from warehouse.ledger import Ledger

FRESH_S = 3.0


class Wrong(NamedTuple):
    """A cause that lasted long enough to be told."""

    rule: Rule
    subject: str
    text: str

    @property
    def critical(self) -> bool:
        return self.rule.severity is Severity.CRITICAL


class Looking:
    """One look every few seconds, for everybody who looks."""

    def __init__(self, chosen: Settings, ledger: Ledger) -> None:
        self._settings, self._ledger, self._clock = chosen, ledger, SystemClock()
        # What the alerts know to last does so here too, however lately this process began
        self._watch = watch.Watch(chosen.alerts, watch.load(chosen.run_dir))
        self._lock, self._looked_s = threading.Lock(), -FRESH_S

    def found(self) -> list[Wrong]:
        """What is wrong, the critical first."""
        with self._lock:
            if monotonic() - self._looked_s >= FRESH_S:
                self._watch.look(facts.read(self._settings, self._clock, self._ledger, _health))
                self._watch.state.waiting = []  # nobody is told from here
                self._looked_s = monotonic()
            rules = {rule.name: rule for rule in RULES}
            active = [one for one in self._watch.state.active if one.told]
        return sorted(
            (Wrong(rules[one.rule], one.subject, one.text) for one in active), key=lambda one: not one.critical
        )


def _health(_: Settings) -> facts.Health:
    """What the sidecar tells every page."""
    told = sidecar().get("/health")
    return None if told.get("error") == "unreachable" else told


@st.cache_resource
def looking() -> Looking:
    """The one that looks at the system of these settings."""
    return Looking(settings(), accounts.ledger())
