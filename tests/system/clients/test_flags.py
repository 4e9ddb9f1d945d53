"""The feature flags of the Python SDK, which asks for their definitions: there are none, so fallbacks count."""

from pathlib import Path

import pytest
from mixpanel import Mixpanel
from mixpanel.flags.types import LocalFlagsConfig, RemoteFlagsConfig

from tests.support.certificates import Authority
from tests.support.clients.environments import secure
from tests.support.server import Project, Server


def test_the_sdk_finds_no_flags_and_goes_on(
    server: Server, project: Project, trusted: Authority, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted.certificate))
    monkeypatch.setenv("no_proxy", "*")
    with secure(server, trusted, place) as port:
        local = LocalFlagsConfig(api_host=f"localhost:{port}", enable_polling=False)
        remote = RemoteFlagsConfig(api_host=f"localhost:{port}")
        mixpanel = Mixpanel(project.token, local_flags_config=local, remote_flags_config=remote)
        with mixpanel:
            mixpanel.local_flags.start_polling_for_definitions()
            assert mixpanel.local_flags.are_flags_ready()
            assert mixpanel.local_flags.get_variant_value("new checkout", "old", {"distinct_id": "a"}) == "old"
            assert mixpanel.remote_flags.get_variant_value("new checkout", "old", {"distinct_id": "a"}) == "old"
