"""Which records may be made."""

import msgspec

from orak.domain.errors import Problem, ProblemCode
from orak.domain.policies.fields import duration_problem, id_problem, name_problem


class RecordPolicy(msgspec.Struct, frozen=True):
    """Which records may be made.

    Each method returns what is wrong with one field, or None.
    """

    max_duration_seconds: int

    def title_problem(self, title: str | None) -> Problem | None:
        """Require a visible title of allowed length and characters."""
        return name_problem("title", title)

    def upload_id_problem(self, upload_id: int | None) -> Problem | None:
        """Require the id of an upload."""
        if upload_id is None:
            return Problem("upload_id", ProblemCode.REQUIRED)
        return id_problem("upload_id", upload_id)

    def song_id_problem(self, song_id: int | None) -> Problem | None:
        """Allow no song, or the id of one."""
        return None if song_id is None else id_problem("song_id", song_id)

    def duration_problem(self, seconds: int | None) -> Problem | None:
        """Allow no duration, or up to `max_duration_seconds`.

        The measured duration replaces it.
        """
        return duration_problem(seconds, self.max_duration_seconds)
