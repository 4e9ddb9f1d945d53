"""Keyed hashes of erased ids. They show to whom an id belongs only to somebody who has the key and the id."""

import hashlib

KEY_BYTES = 32
HASH_BYTES = 16
WHOLE_PROJECT = b""
"""Stands for all ids of a project. No record has it: an event of nobody belongs to no person."""


def erased_id_hash(key: bytes, project_id: int, id: bytes) -> bytes:
    """The hash of an id of a project, HASH_BYTES long."""
    salt = project_id.to_bytes(8, "little")
    return hashlib.blake2b(id, key=key, salt=salt, digest_size=HASH_BYTES).digest()
