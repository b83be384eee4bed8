"""Several realtime nodes as one, over a real NATS server."""

import nats
import nats.errors
import pytest
from cryptovault.realtime.v1 import realtime_service_pb2 as pb

from tests.integration.realtime_node import ADMIN, client, running


async def listeners(nats_url: str, subject: str) -> bool:
    """Whether anybody has subscribed to the subject: the server says at once when nobody has."""
    connection = await nats.connect(nats_url)
    try:
        await connection.request(subject, b"", timeout=0.2)
    except nats.errors.NoRespondersError:
        return False
    except nats.errors.TimeoutError:
        return True
    finally:
        await connection.close()
    return True


async def test_a_node_hears_the_rooms_of_its_members_and_no_other(nats_url):
    async with running(nats_url) as node:
        before = await listeners(nats_url, "cv.room.prices:BTC-USD")
        async with client(node, "prices:BTC-USD"):
            assert await listeners(nats_url, "cv.room.prices:BTC-USD")
        assert not await listeners(nats_url, "cv.room.candles:BTC-USD:1m")
    assert not before


@pytest.mark.parametrize("channel", ["system", "prices", "candles:BTC-USD:1s"])
async def test_a_broadcast_through_any_node_right_after_the_acknowledgement_arrives(nats_url, channel):
    request = pb.BroadcastToChannelRequest(channel=channel, event="note")
    request.data.update({"text": "é"})
    async with (
        running(nats_url, "node-1") as first,
        running(nats_url, "node-2") as second,
        client(second, channel) as member,
        client(first) as other,
    ):
        await first.rpc.BroadcastToChannel(request, metadata=ADMIN)
        assert await member.next("note") == {"text": "é"}
        assert other.all("note") == []
