"""Signatures of webhooks."""

from trackway.alerts.signature import signed_headers
from trackway.projects.alert import new_secret


def test_the_example_of_the_specification_is_signed_as_it_says() -> None:
    """The secret, the message and the signature are those of Standard Webhooks' own examples."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    headers = signed_headers(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}', 1614265330)
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_every_secret_and_every_part_makes_another_signature() -> None:
    one, other = new_secret(), new_secret()
    signatures = {
        signed_headers(secret, message_id, body, now_s)["webhook-signature"]
        for secret in (one, other)
        for message_id in ("msg_1", "msg_2")
        for body in (b"{}", b"[]")
        for now_s in (1, 2)
    }
    assert len(signatures) == 16
