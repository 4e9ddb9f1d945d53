"""What the endpoints authenticate with, for tests that make an endpoint themselves."""

from trackway.edge.access.credentials import Access
from trackway.edge.access.secret_verification import Verifier
from trackway.projects.project_lookup import ProjectDirectory


def access_to(directory: ProjectDirectory) -> Access:
    """As a server of region `us` has it."""
    return Access(directory, Verifier(directory), "us")
