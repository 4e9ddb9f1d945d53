"""The segment of the worked example in docs/journal-format.md, made by the code."""

from trackway.journal.segments import format

SEGMENT = 7
CREATED_MS = 1_767_323_045_000
PREVIOUS_END = 0x0041_D2A0


def example() -> bytes:
    """Header, a batch of two records, a record written after that batch was synced, and the seal."""
    content = format.encode_header(format.Header(SEGMENT, CREATED_MS, PREVIOUS_END))
    for synced, payloads in ((32, [b"first", b"second"]), (75, [b"third"])):
        content += format.encode(SEGMENT, len(content), synced, payloads)[0][:-4]
    return content + format.encode_seal(SEGMENT, len(content), len(content))
