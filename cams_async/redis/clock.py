"""Detect forward jumps of the Redis server's clock."""

from cams_async.redis.step import SECOND, Reply

SLACK = 0.005
"""Seconds of a jump that the margin makes up for."""

DRIFT = 0.001
"""Drift of two undisturbed clocks, in seconds per second."""


class ClockWatch:
    """Compares the time between two replies with the time that has passed here.

    Redis's clock is that of its machine. If it is set forward, slots return
    too early. A process that has an earlier reply detects this within a round trip.
    """

    def __init__(self) -> None:
        self._latest: int | None = None
        self._asked = 0.0

    def distrusts(self, reply: Reply, *, asked: float, heard: float) -> int:
        """Return how old books must be to be void; 0 where all is well.

        Args:
            reply: The reply of the script.
            asked: When the request was sent, in this process's time.
            heard: When the reply arrived.
        """
        latest, before = self._latest, self._asked
        self._latest, self._asked = reply.now, asked
        if latest is None:
            return 0
        passed = heard - before
        possible = latest + int((passed * (1 + DRIFT) + SLACK) * SECOND)
        # State that was created after the jump is not affected by it.
        return possible if reply.now > possible >= reply.born else 0
