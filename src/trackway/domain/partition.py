"""Which partition of the journal has the records of a project.

Order matters within a project alone: its profiles, links and deduplication. So a project has one partition, and the
number of partitions is fixed when they are made. Projects are numbered one after the other, so the remainder spreads
them evenly.
"""


def partition_of(project_id: int, partitions: int) -> int:
    return project_id % partitions
