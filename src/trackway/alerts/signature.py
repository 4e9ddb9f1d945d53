"""The headers that prove where a webhook comes from, as Standard Webhooks has them. Pure.

A receiver computes the same HMAC-SHA256 of `id.timestamp.body` with the alert's secret. The id is that of the message,
in each of its tries. The timestamp is that of the try, so that an old request cannot be sent again.
"""

import hmac
from base64 import b64decode, b64encode
from hashlib import sha256

from trackway.projects.alert import SECRET_PREFIX


def signed_headers(secret: str, message_id: str, body: bytes, now_s: int) -> dict[str, str]:
    """`secret`: `whsec_` and the key as base64. `now_s`: seconds since the epoch."""
    key = b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    signed = b".".join((message_id.encode(), str(now_s).encode(), body))
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(now_s),
        "webhook-signature": "v1," + b64encode(hmac.digest(key, signed, sha256)).decode(),
    }
