from trackway.domain.partition import partition_of


def test_projects_that_are_numbered_one_after_the_other_are_spread_evenly() -> None:
    assert [partition_of(project_id, 3) for project_id in range(1, 7)] == [1, 2, 0, 1, 2, 0]
    assert {partition_of(project_id, 1) for project_id in range(100)} == {0}
