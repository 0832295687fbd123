"""The bots of the documentation, against the emulator over real sockets."""

import json
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

from cams_async import CamsClient
from cams_async.callbacks import Receiver
from cams_async.emulator import Emulator, Fault
from tests.callback_servers import in_uvicorn, until
from tests.examples.campaign import STOP, Campaign
from tests.examples.login_codes import ATTEMPTS, VALID, LoginCodes
from tests.examples.menu_bot import make_app
from tests.fakes import FAST

USER = "8613700000000"

SEND = "SendChatappMessage"


@asynccontextmanager
async def service(
    url: str | None = None,
) -> AsyncGenerator[tuple[Emulator, CamsClient]]:
    """Yield an emulator, which pushes to a URL, and a client of it."""
    async with (
        Emulator(phone_numbers=2, qps=FAST, callback_url=url) as emulator,
        CamsClient(emulator.credentials, endpoint=emulator.endpoint, qps=FAST) as cams,
    ):
        yield emulator, cams


def contents(emulator: Emulator) -> Counter[str]:
    """Return the contents that were sent, each with its number."""
    return Counter(
        {dict(call)["Content"]: n for call, n in emulator.executed(SEND).items()}
    )


async def test_the_menu_bot_answers() -> None:
    """With its menu, to a choice, and to the number of an order."""
    async with AsyncExitStack() as stack:
        emulator = Emulator(phone_numbers=2, qps=FAST, callback_retries=())
        await stack.enter_async_context(emulator)
        cams = CamsClient(emulator.credentials, endpoint=emulator.endpoint, qps=FAST)
        await stack.enter_async_context(cams)
        url = await stack.enter_async_context(in_uvicorn(make_app(cams)))
        number = emulator.phone_numbers[1]
        await cams.update_phone_webhook(
            phone_number=number.phone_number,
            cust_space_id=number.cust_space_id,
            up_callback_url=url,
            status_callback_url=url,
        )
        to = number.phone_number
        emulator.receive_text(USER, "hello", to=to)
        reply = {"interactive": {"button_reply": {"id": "status", "title": "Status"}}}
        emulator.receive(USER, "INTERACTIVE", reply, to=to)
        hours = {"interactive": {"button_reply": {"id": "hours", "title": "Hours"}}}
        emulator.receive(USER, "INTERACTIVE", hours, to=to)
        emulator.receive_text(USER, "17", to=to)
        await emulator.callbacks.idle()
        await until(lambda: contents(emulator).total() == 4)
        await emulator.callbacks.idle()
        texts = {
            value.get("text") or value["body"]["text"]
            for value in map(json.loads, contents(emulator))
        }

        assert texts == {
            "How can we help?",
            "What is the number of your order?",
            "Monday to Friday, 9 to 5.",
            "Order 17 is on its way.",
        }
        for call in emulator.executed(SEND):
            assert (to, USER) == (dict(call)["From"], dict(call)["To"])


async def test_a_login_code_is_valid_once_and_for_a_time() -> None:
    """And for few attempts."""
    now = 0.0
    async with service() as (emulator, cams):
        sender = emulator.phone_numbers[0].phone_number
        codes = LoginCodes(cams, sender, clock=lambda: now)
        for _ in range(3):
            await codes.send(USER)
        sent = [
            json.loads(dict(call)["TemplateParams"])["code"]
            for call in emulator.executed(SEND).elements()
        ]

        assert 3 == len(sent)
        assert not codes.check("8613700000001", sent[-1])
        assert sum(codes.check(USER, code) for code in {*sent}) == 1
        for _ in range(ATTEMPTS):
            await codes.send(USER)
            assert not codes.check(USER, "x")
        await codes.send(USER)
        now = VALID + 1
        (late,) = (
            json.loads(dict(call)["TemplateParams"])["code"]
            for call in list(emulator.executed(SEND))[-1:]
        )
        assert not codes.check(USER, late)


async def test_a_campaign_has_its_receipts() -> None:
    """Nobody who has opted out gets the template; what is unknown is listed."""
    campaign = Campaign("spring", "")
    users = [f"86137{i:08}" for i in range(20)]
    async with (
        in_uvicorn(Receiver(campaign.handle)) as url,
        service(url) as (emulator, cams),
    ):
        campaign.sender = emulator.phone_numbers[0].phone_number
        emulator.callbacks.duplicates = emulator.callbacks.disorder = 0.5
        emulator.fail_recipient(users[3], "131026")
        emulator.receive(users[5], "REPLY", {"payload": STOP, "text": "Stop"})
        await emulator.callbacks.idle()
        await until(lambda: users[5] in campaign.opted_out)
        emulator.faults.next(Fault.RESET_AFTER, SEND)
        await campaign.send(cams, users)
        await emulator.callbacks.idle()
        await until(lambda: Counter(campaign.statuses.values())["read"] == 18)

        assert Counter(campaign.statuses.values()) == {"read": 18, "failed": 1}
        assert "failed" == campaign.statuses[f"spring-{users[3]}"]
        assert 1 == len(campaign.unknown)
        assert 19 == sum(emulator.executed(SEND).values())
