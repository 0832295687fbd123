"""Notifications of the emulator: what is pushed, and what goes wrong on demand."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from attrs import define, field

from cams_async import CamsClient, CamsError
from cams_async.callbacks import (
    Event,
    InboundMessage,
    Receipt,
    TemplateAudit,
    TextMessage,
    parse,
    window_open,
)
from cams_async.content import Text
from cams_async.emulator import Emulator
from cams_async.emulator import callbacks as callbacks_module
from cams_async.errors import ConfigurationError
from tests.callback_servers import until
from tests.cli_process import in_thread
from tests.fakes import FAST

USER = "8613700000000"


@define
class Inbox:
    """A server that keeps notifications, and the statuses of its next responses."""

    url: str = ""
    bodies: list[bytes] = field(factory=list[bytes])
    statuses: list[int] = field(factory=list[int])

    @property
    def events(self) -> list[Event]:
        """The events that were received."""
        return [event for body in self.bodies for event in parse(body)]

    async def handle(self, request: web.BaseRequest) -> web.Response:
        """Keep a notification."""
        self.bodies.append(await request.read())
        status = self.statuses.pop(0) if self.statuses else 200
        if status == 0:
            await asyncio.sleep(20)
        return web.Response(status=status)


@asynccontextmanager
async def inbox() -> AsyncGenerator[Inbox]:
    """Yield a running server."""
    made = Inbox()
    runner = web.ServerRunner(web.Server(made.handle), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/up"
    yield made
    await runner.cleanup()


@asynccontextmanager
async def pushing(
    **options: Any,
) -> AsyncGenerator[tuple[Emulator, CamsClient, Inbox]]:
    """Yield an emulator that pushes to an inbox, and a client."""
    async with (
        inbox() as received,
        Emulator(
            phone_numbers=2, qps=FAST, callback_url=received.url, **options
        ) as emulator,
        CamsClient(emulator.credentials, endpoint=emulator.endpoint, qps=FAST) as cams,
    ):
        yield emulator, cams, received


async def send(cams: CamsClient, emulator: Emulator, **fields: Any) -> str:
    """Send a message to the user; return its id."""
    known: dict[str, Any] = {
        "channel_type": "whatsapp",
        "from_": emulator.phone_numbers[0].phone_number,
        "to": USER,
    }
    response = await cams.send_chatapp_message(**{**known, **fields})
    return response.message_id


TEMPLATE = {"type": "template", "template_code": "1", "language": "en"}


async def test_a_message_has_its_receipts() -> None:
    """Sent, delivered and read, with the reference of the caller."""
    async with pushing() as (emulator, cams, received):
        first = await send(cams, emulator, **TEMPLATE, task_id="order-1")
        second = await send(cams, emulator, **TEMPLATE)
        await emulator.callbacks.idle()
        receipts = [each for each in received.events if isinstance(each, Receipt)]

        assert 6 == len(receipts) == emulator.callbacks.delivered
        for message_id, task in ((first, "order-1"), (second, second)):
            found = [each for each in receipts if each.message_id == message_id]
            assert ["sent", "delivered", "read"] == [each.status for each in found]
            assert {(task, "1", "en")} == {
                (each.task_id, each.template_code, each.language) for each in found
            }
            assert {USER} == {each.to for each in found}


async def test_free_text_needs_an_open_window() -> None:
    """The call succeeds, and the receipt has the vendor's code: assumed."""
    async with pushing() as (emulator, cams, received):
        number = emulator.phone_numbers[0].phone_number
        ids = [await send(cams, emulator, content=Text("1"))]
        emulator.receive_text(USER, "hi", ago=86_401)
        ids.append(await send(cams, emulator, content=Text("2")))
        emulator.receive_text(USER, "hi")
        emulator.receive_text(USER, "earlier", ago=100_000)
        ids.append(await send(cams, emulator, content=Text("3")))
        ids.append(await send(cams, emulator, channel_type="viber", type="message"))
        await emulator.callbacks.idle()
        last = {
            each.message_id: (each.status, each.error_code)
            for each in received.events
            if isinstance(each, Receipt)
        }
        texts = [each for each in received.events if isinstance(each, TextMessage)]

        failed, read = ("failed", "131047"), ("read", None)
        assert [failed, failed, read, read] == [last[each] for each in ids]
        assert ["hi", "hi", "earlier"] == [each.text for each in texts]
        assert {(USER, number)} == {(each.from_, each.to) for each in texts}
        for each in texts:
            assert each.timestamp is not None
            age = time.time() - each.timestamp.timestamp()
            assert window_open(each.timestamp, each.timestamp)
            assert round(age / 100) * 100 in (0, 86_400, 100_000)


async def test_a_recipient_can_fail() -> None:
    """With a documented code."""
    async with pushing() as (emulator, cams, received):
        emulator.fail_recipient(USER)
        await send(cams, emulator, **TEMPLATE)
        await emulator.callbacks.idle()
        (receipt,) = received.events

        assert isinstance(receipt, Receipt)
        assert ("failed", "131026") == (receipt.status, receipt.error_code)
        assert str(receipt.error_description).startswith("131026:Receiver")


async def test_other_messages_and_audits_are_pushed() -> None:
    """With any content."""
    async with pushing() as (emulator, _, received):
        to = emulator.phone_numbers[1].phone_number
        image = {"url": "https://a.example/1.png", "mimeType": "image/png"}
        message_id = emulator.receive(USER, "IMAGE", image, to=to)
        emulator.audit_template("744c", "fail", reason="Bad name")
        await emulator.callbacks.idle()
        message, audit = received.events

        assert isinstance(message, InboundMessage)
        assert (message_id, to) == (message.message_id, message.to)
        assert isinstance(audit, TemplateAudit)
        assert ("744c", "fail", "Bad name") == (
            audit.template_code,
            audit.status,
            audit.reason,
        )


async def test_the_url_of_a_number_is_used_if_it_is_local() -> None:
    """Never one elsewhere, such as the default."""
    async with (
        inbox() as ups,
        inbox() as receipts,
        pushing() as (emulator, cams, others),
    ):
        number = emulator.phone_numbers[0]
        named: dict[str, Any] = {
            "phone_number": number.phone_number,
            "cust_space_id": number.cust_space_id,
        }
        await cams.update_phone_webhook(**named, up_callback_url=ups.url)
        await cams.update_phone_webhook(**named, status_callback_url=receipts.url)
        synced = await cams.chatapp_sync_phone_number(
            cust_space_id=number.cust_space_id
        )
        emulator.receive_text(USER, "hi")
        await send(cams, emulator, **TEMPLATE)
        await send(cams, emulator, **TEMPLATE, from_="8613000000000")
        await emulator.callbacks.idle()

        assert synced.phone_numbers[0].up_callback_url == ups.url
        assert synced.phone_numbers[0].status_callback_url == receipts.url
        assert [1, 3, 3] == [len(each.events) for each in (ups, receipts, others)]


@pytest.mark.parametrize("url", ["https://shop.example/up", "http://[", "", "up"])
def test_a_url_elsewhere_is_not_local(url: str) -> None:
    """A test posts to this machine only."""
    assert not callbacks_module.is_loopback(url)


async def test_a_failed_push_is_repeated() -> None:
    """After each pause, then it is given up; later ones do not wait for it."""
    async with pushing(callback_retries=(0.01, 0.01)) as (emulator, _, received):
        received.statuses = [500, 302, 200]
        emulator.receive_text(USER, "1")
        await until(lambda: len(received.bodies) == 3)
        await emulator.callbacks.idle()
        assert (1, 0) == (emulator.callbacks.delivered, emulator.callbacks.failed)
        assert len({*received.bodies}) == 1

        received.statuses = [500] * 3
        emulator.receive_text(USER, "2")
        await emulator.callbacks.idle()
        assert (1, 1) == (emulator.callbacks.delivered, emulator.callbacks.failed)
        assert repr(emulator.callbacks) == "<CallbackPusher: 1 delivered, 1 failed>"


async def test_a_receiver_that_hangs_or_is_absent_is_a_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The emulator goes on, and stops in time."""
    monkeypatch.setattr(callbacks_module, "MAX_SECONDS", 0.05)
    async with pushing(callback_retries=()) as (emulator, _, received):
        received.statuses = [0]
        emulator.receive_text(USER, "1")
        await emulator.callbacks.idle()
        assert 1 == emulator.callbacks.failed
    async with Emulator(callback_url="http://127.0.0.1:1", phone_numbers=1) as emulator:
        emulator.receive_text(USER, "1")
        await asyncio.sleep(0)
    assert 0 == emulator.callbacks.delivered


async def test_duplicates_and_disorder_on_demand() -> None:
    """From the seed; each notification arrives all the same."""
    async with pushing(seed=1) as (emulator, _, received):
        emulator.callbacks.duplicates = emulator.callbacks.disorder = 1.0
        for i in range(250):
            emulator.receive_text(USER, str(i))
        await emulator.callbacks.idle()
        texts = [each.text for each in received.events if isinstance(each, TextMessage)]

        assert 500 == len(texts)
        assert [str(i) for i in range(250)] == sorted({*texts}, key=int)
        assert texts[:100] != sorted(texts[:100], key=int)
        assert 250 == emulator.callbacks.delivered


async def test_a_message_before_the_start_is_pushed_after_it() -> None:
    """And from another thread."""
    async with inbox() as received:
        emulator = Emulator(phone_numbers=1, callback_url=received.url)
        emulator.receive_text(USER, "before")
        async with emulator:
            await emulator.callbacks.idle()
            await asyncio.to_thread(emulator.receive_text, USER, "thread")
            await until(lambda: emulator.callbacks.delivered == 2)
        await emulator.aclose()

        assert ["before", "thread"] == [
            each.text for each in received.events if isinstance(each, TextMessage)
        ]


def test_without_a_url_nothing_is_pushed() -> None:
    """Also of an emulator in a thread."""
    with in_thread(Emulator(phone_numbers=1)) as emulator:
        emulator.receive_text(USER, "hi")
        emulator.audit_template("1", "pass")

    assert (0, 0) == (emulator.callbacks.delivered, emulator.callbacks.failed)


async def test_a_status_can_be_set() -> None:
    """It stays, also where it would settle."""
    async with pushing(settle=0.0) as (emulator, cams, _):
        number = emulator.phone_numbers[0]
        emulator.set_status(number.phone_number, "EXPIRED")
        response = await cams.get_phone_number_verification_status(
            phone_number=number.phone_number, cust_space_id=number.cust_space_id
        )

        assert "EXPIRED" == response.data.code_verification_status
        with pytest.raises(ConfigurationError, match="status: must be one of"):
            emulator.set_status(number.phone_number, "expired")


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: Emulator(callback_url="up"), "callback_url"),
        (lambda: Emulator(callback_url=5), "callback_url"),  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - refused
        (lambda: Emulator(callback_retries=(-1,)), "callback_retries"),
        (lambda: Emulator(callback_retries=5), "callback_retries"),  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - refused
        (lambda: Emulator().receive_text(USER, "x", to="1"), "phone_number"),
    ],
)
def test_a_bad_argument_is_named(make: Callable[[], object], field: str) -> None:
    """Before anything starts."""
    with pytest.raises(CamsError) as caught:
        make()

    assert field == getattr(caught.value, "field", None)


def test_an_item_of_a_receipt_has_no_nulls() -> None:
    """A field without a value is left out."""
    sent = {"From": "1", "To": "2", "Type": "message", "MessageType": "text"}
    item = callbacks_module.receipt_item(sent, "7", "Sent", at=1.5, error=None)

    assert None not in item.values()
    assert json.loads(json.dumps(item)) == item
    assert (1500, "TEXT", "7") == (item["Timestamp"], item["Type"], item["TaskId"])
