"""Which default retention counts: that of the settings, unless it would delete what nobody has confirmed.

A shorter `default_event_retention` in a file, perhaps by a typing error, would delete events of all projects that say
nothing else. So the one before counts until somebody has seen what is deleted, and confirmed it by a command.
"""

import dataclasses
from contextlib import closing
from typing import Final

from trackway.domain.data_age import FOREVER, in_days, is_shorter, retention_text
from trackway.projects.drivers import open_reader
from trackway.projects.read_statements import RetentionState
from trackway.runtime.ageing_holds import Hold, hold, release
from trackway.settings.table import Settings
from trackway.telemetry import logs

_log = logs.get("supervisor")
ADVICE: Final = "see `trackway retention`"


def with_confirmed_retention(settings: Settings) -> Settings:
    """The settings with the default retention that counts. Raises StorageError.

    Before the first project there is nothing to delete, so the settings count. A longer retention always does.
    """
    wanted = settings.event_retention
    with closing(open_reader(settings.projects_at, patient=True)) as reader:
        state, is_new = reader.retention_state(settings.region), not reader.all_projects()
    days = state.default_days if state else wanted if is_new else FOREVER
    is_held = is_shorter(wanted, days)
    if state is None or (days != wanted and not is_held):
        _note(settings, state, days if is_held else wanted)
    if not is_held:
        release(settings.run_dir, Hold.DEFAULT)
        return settings
    sentence = f"default_event_retention of {in_days(wanted)} is not confirmed, so {in_days(days)} count: {ADVICE}"
    _log.error("the default retention waits to be confirmed", wanted=in_days(wanted), counts=in_days(days), see=ADVICE)
    hold(settings.run_dir, Hold.DEFAULT, sentence)
    return dataclasses.replace(settings, default_event_retention=retention_text(days))


def _note(settings: Settings, state: RetentionState | None, days: int) -> None:
    # Half a second of imports, which no other start needs.
    from trackway.projects.database import ProjectsDatabase  # noqa: PLC0415
    from trackway.projects.retention_states import RetentionStates  # noqa: PLC0415

    states = RetentionStates(ProjectsDatabase(settings.projects_at), settings.region)
    if state is None:
        states.begin(RetentionState(days))
    else:
        states.confirm_default(days)
