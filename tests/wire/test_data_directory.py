"""The files of a server's data directory."""

from tests.support.docs.state_table import unnamed_files
from tests.support.server import Server
from tests.support.web.visitor import Visit


def test_every_file_of_a_running_server_is_in_the_page_about_state(server: Server) -> None:
    Visit(server).get("/app/")  # pages make files of their own
    assert (server.data_dir / "sessions.db").exists()
    assert unnamed_files(server.data_dir) == []
