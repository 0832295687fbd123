"""Whether Redis's clock, which everybody goes by, was set forward."""

from cams_async.redis.step import SECOND, Reply

SLACK = 0.005
"""Seconds of a jump that the pad makes up for."""

DRIFT = 0.001
"""How far two clocks that nobody sets run apart, for each second."""


class ClockWatch:
    """Compares the time between two answers with the time that has passed here.

    Redis's clock is that of its machine, and somebody may set it. Forward, slots
    come back too early. Who has heard of Redis before can tell, within a round trip.
    """

    def __init__(self) -> None:
        self._latest: int | None = None
        self._asked = 0.0

    def distrusts(self, reply: Reply, *, asked: float, heard: float) -> int:
        """Return how old books must be to be void; 0 where all is well.

        Args:
            reply: What Redis has said.
            asked: When it was asked, in this process's time.
            heard: When the answer came.
        """
        latest, before = self._latest, self._asked
        self._latest, self._asked = reply.now, asked
        if latest is None:
            return 0
        passed = heard - before
        possible = latest + int((passed * (1 + DRIFT) + SLACK) * SECOND)
        # Books that were begun after the jump know nothing of the time before.
        return possible if reply.now > possible >= reply.born else 0
