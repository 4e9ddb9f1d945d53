"""Appends while no server of NATS answers: they wait first, then they are refused at once, and go on by themselves."""

import asyncio
import time
from pathlib import Path

import pytest

from tests.support.journal.nats_cluster import NatsCluster
from tests.support.journal.nats_site import new_streams
from trackway.domain.errors import StorageError
from trackway.journal.limits import STREAM_REFUSED_IN_A_ROW_MAX
from trackway.journal.stream import publisher
from trackway.journal.stream.address import parse_address
from trackway.journal.stream.breaker import REFUSAL
from trackway.journal.stream.stream_journal import StreamJournal

WAIT_S = 1.0
AGAIN_S_MAX = 30.0


def test_while_no_server_answers_one_append_waits_and_all_others_are_refused_at_once(
    nats: NatsCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_streams(nats)
    monkeypatch.setattr(publisher, "STREAM_APPEND_S_MAX", WAIT_S)
    journal = StreamJournal(parse_address(nats.url), tmp_path / "journal")
    journal.recover()

    async def run() -> int:
        appender = journal.partitions[0].appender()
        kept = [await appender.append(b"before")]
        with nats.frozen(0, 1, 2):
            first = [appender.append(b"x") for _ in range(STREAM_REFUSED_IN_A_ROW_MAX)]
            results = await asyncio.gather(*first, return_exceptions=True)
            assert all(isinstance(each, StorageError) and str(each) != REFUSAL for each in results), results
            probe = appender.append(b"probe")
            began_s = time.monotonic()
            for _ in range(100):
                with pytest.raises(StorageError, match=REFUSAL):
                    appender.check()
                with pytest.raises(StorageError, match=REFUSAL):
                    await appender.append(b"refused")
            assert time.monotonic() - began_s < WAIT_S / 2 and appender.pending_bytes == len(b"probe")
            with pytest.raises(StorageError, match="acknowledges nothing: "):
                await probe
            appender.check()  # the next one may probe
        until_s = time.monotonic() + AGAIN_S_MAX
        while len(kept) < 2:
            assert time.monotonic() < until_s, "nothing is acknowledged again"
            try:
                kept.append(await appender.append(b"after"))
            except StorageError:
                await asyncio.sleep(0.1)
        kept += await asyncio.gather(*(appender.append(b"many") for _ in range(50)))
        await appender.close()
        return len(kept)

    assert asyncio.run(run()) == 52
    contents = [bytes(record.payload) for record in journal.partitions[0].source().read(1 << 20)]
    assert contents.count(b"before") == 1 and contents.count(b"many") == 50 and b"refused" not in contents
