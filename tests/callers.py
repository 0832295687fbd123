"""Threads with an event loop and a client each, judged by the emulator they call."""

import asyncio
from collections.abc import Callable, Coroutine, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Self, TypeAlias, TypeVar

from attrs import frozen

from cams_async import CamsClient, Credentials, RetryPolicy
from cams_async.emulator import ActionReport, Emulator
from cams_async.operations import GetPhoneNumberVerificationStatus
from tests.cli_process import in_thread

T = TypeVar("T")
LoopFactory: TypeAlias = Callable[[], asyncio.AbstractEventLoop]

ACTION = "GetPhoneNumberVerificationStatus"


@frozen(kw_only=True)
class Target:
    """The settings of clients of an emulator: plain values, for other processes too."""

    endpoint: str
    key: str
    secret: str
    phone_number: str
    space: str
    ceiling: float

    @classmethod
    def of(cls, emulator: Emulator, ceiling: float = 10.0) -> Self:
        """Return the settings of clients of a running emulator."""
        number = emulator.phone_numbers[0]
        return cls(
            endpoint=emulator.endpoint,
            key=emulator.credentials.access_key_id,
            secret=emulator.credentials.access_key_secret.reveal(),
            phone_number=number.phone_number,
            space=number.cust_space_id,
            ceiling=ceiling,
        )

    def client(self, **options: Any) -> CamsClient:
        """Return a client on the default throttle, which does not repeat calls."""
        return CamsClient(
            Credentials(self.key, self.secret),
            endpoint=self.endpoint,
            qps={ACTION: self.ceiling},
            retry=RetryPolicy(attempts=1),
            **options,
        )

    async def call(self, cams: CamsClient) -> float:
        """Make one call; return the seconds that it waited for its permit."""
        response = await cams.send(
            GetPhoneNumberVerificationStatus(
                phone_number=self.phone_number, cust_space_id=self.space
            )
        )
        assert response.meta is not None
        return response.meta.waited

    async def calls(self, count: int) -> list[float]:
        """Make calls at once with a client of their own."""
        async with self.client() as cams:
            return await asyncio.gather(*(self.call(cams) for _ in range(count)))


@contextmanager
def emulated(
    ceiling: float = 10.0, latency: tuple[float, float] = (0.0, 0.0)
) -> Generator[Emulator, None, None]:
    """Run an emulator in a thread, with this ceiling for the calls of a target."""
    emulator = Emulator(phone_numbers=1, qps={ACTION: ceiling}, latency=latency)
    with in_thread(emulator) as running:
        yield running


def in_threads(
    mains: Iterable[Callable[[], Coroutine[Any, Any, T]]],
    *,
    loop_factory: LoopFactory | None = None,
) -> list[T]:
    """Run each coroutine on an event loop in a thread of its own, all at once."""

    def run(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            return runner.run(main())

    listed = list(mains)
    with ThreadPoolExecutor(len(listed)) as threads:
        return list(threads.map(run, listed))


def judged(emulator: Emulator) -> ActionReport:
    """Return the counts of the only action, whose ceiling was kept."""
    (action,) = emulator.report().actions
    assert action.violations == 0
    assert action.throttled == 0
    assert action.peak <= action.ceiling
    assert action.shortest is None or action.shortest >= action.window
    return action
