"""Links: requests that two ids of a project be one person (protocol §6).

The edge records a link. The loader grants or refuses it, in the order of the journal, by the rules of `id_clusters`.
"""

from enum import IntEnum

import msgspec


class LinkKind(IntEnum):
    """What asked for a link. The number is stored."""

    DEVICE = 1
    IDENTIFY = 2
    ALIAS = 3
    MERGE = 4
    UNLINK = 5


class Link(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A request that two ids be one person.

    | kind | id | to |
    |---|---|---|
    | DEVICE | the device as written in `distinct_id`: `$device:D`, or an id given without the prefix | the user |
    | IDENTIFY | the anonymous id | the identified id |
    | ALIAS | the alias | the distinct_id |
    | MERGE | the second id | the first id |
    | UNLINK | the id that is a person of its own from now on | empty |

    `insert_id` is the one of the event that asked; it is empty for DEVICE. `reason` is the operator's; only UNLINK has
    one.
    """

    kind: LinkKind
    id: str
    to: str
    insert_id: str = ""
    reason: str = ""
