"""A campaign: a template for many users, their receipts, and those who opt out."""

from collections.abc import Iterable, Iterator

from attrs import define, field

from cams_async import CamsClient, poll
from cams_async.callbacks import Event, Receipt, TemplateReply
from cams_async.operations import SendChatappMessage

STOP = "stop"
"""The payload of the button by which a user opts out."""


@define
class Campaign:
    """The state of a campaign. A program that may end keeps it in a database."""

    name: str
    sender: str
    opted_out: set[str] = field(factory=set[str])
    statuses: dict[str, str] = field(factory=dict[str, str])
    """The status of each message, by its `task_id`."""

    unknown: list[str] = field(factory=list[str])
    """Messages that may have been sent: do not send them again unseen."""

    def messages(self, users: Iterable[str]) -> Iterator[SendChatappMessage]:
        """Yield the message for each user who has not opted out."""
        for user in users:
            if user not in self.opted_out:
                yield SendChatappMessage(
                    channel_type="whatsapp",
                    type="template",
                    template_name="spring_sale",
                    language="en",
                    payload=[STOP],
                    from_=self.sender,
                    to=user,
                    task_id=f"{self.name}-{user}",
                )

    async def send(self, cams: CamsClient, users: Iterable[str]) -> None:
        """Send the messages, as fast as the rate limit allows."""
        async with poll(cams, self.messages(users)) as outcomes:
            async for outcome in outcomes:
                task = getattr(outcome.operation, "task_id", "")
                error = outcome.error
                if error is not None and error.outcome == "unknown":
                    self.unknown.append(task)
                elif error is not None:
                    self.statuses[task] = "refused"

    async def handle(self, event: Event) -> None:
        """Keep receipts, which come in any order, and opt users out."""
        match event:
            case Receipt(task_id=str(task)) if event.supersedes(
                self.statuses.get(task)
            ):
                self.statuses[task] = event.status
            case TemplateReply(payload="stop", from_=user):
                self.opted_out.add(user)
            case _:
                pass
