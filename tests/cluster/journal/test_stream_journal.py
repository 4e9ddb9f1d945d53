from pathlib import Path

import pytest

from tests.support.journal.conformance import JournalConformance, WriterKills
from tests.support.journal.nats_cluster import NatsCluster
from tests.support.journal.nats_machine import PLACE, NatsMachine
from trackway.journal.stream.address import parse_address
from trackway.journal.stream.setup import make_streams


class TestStreamJournal(JournalConformance):
    @pytest.fixture
    def machine(self, nats: NatsCluster, tmp_path: Path) -> NatsMachine:
        return NatsMachine(nats, tmp_path / "journal")


class TestStreamJournalKills(WriterKills):
    @pytest.fixture
    def place(self, nats: NatsCluster, tmp_path: Path) -> str:
        make_streams(parse_address(nats.url), again=True, discard=True)
        nats.leader()
        return f"{PLACE} {nats.url} {tmp_path / 'journal'}"
