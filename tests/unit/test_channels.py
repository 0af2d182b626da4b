"""Channels: one memory of connections to the outside for all who watch them, bounded, lean and exact."""

from __future__ import annotations

import msgspec

from pandora_core.detect.channels import Channel, ChannelKey, Channels
from pandora_core.model import HOUR_US, Event
from tests.unit.streams import INSIDE, OUTSIDE, at, connection


class Listener:
    """A watcher that writes down what it is shown."""

    def __init__(self, channels: Channels) -> None:
        self.opens: list[ChannelKey] = []
        self.calls: list[tuple[ChannelKey, Channel]] = []
        channels.watch(self)

    def opened(self, key: ChannelKey, event_id: int, event: Event) -> None:
        self.opens.append(key)

    def called(self, key: ChannelKey, channel: Channel, event_id: int, event: Event) -> None:
        self.calls.append((key, channel))


def call(minute: float, port: int = 443, **more: object) -> Event:
    return connection(at(minute), INSIDE[0], OUTSIDE[0], port, **more)


def test_the_first_connection_opens_a_channel_and_the_second_finds_it_counted() -> None:
    channels = Channels()
    listener = Listener(channels)
    channels.observe(1, call(0, outcome="failure", **{"source.bytes": 7}))
    assert (listener.opens, listener.calls) == ([(INSIDE[0], OUTSIDE[0], 443)], [])
    channels.observe(2, call(1))
    ((_, channel),) = listener.calls
    assert channel.calls == ((at(0), 1, 7, 0, "zeek.conn"),)
    assert (channel.counted.count, channel.counted.first_us) == (1, at(0))
    assert channel.refused is not None
    assert channel.refused.number == at(0) // HOUR_US


def test_a_line_that_tells_of_several_connections_and_an_icmp_message_are_no_plain_first_call() -> None:
    channels = Channels()
    listener = Listener(channels)
    channels.observe(1, msgspec.structs.replace(call(0), count=5))
    channels.observe(2, call(0, 8, transport="icmp"))
    assert listener.opens == []
    assert [channel.calls for _, channel in listener.calls] == [(), ()]


def test_a_channel_in_use_outlives_a_flood_of_others_and_their_number_is_bounded() -> None:
    channels = Channels(capacity=10)
    listener = Listener(channels)
    for number in range(1_000):
        channels.observe(2 * number, call(number, 443))
        channels.observe(2 * number + 1, call(number, 1_000 + number))
        assert len(channels) <= 10
    assert sum(key[2] == 443 for key in listener.opens) == 1


def test_a_snapshot_keeps_channels_used_once_and_more_often() -> None:
    channels, restored = Channels(), Channels()
    listener = Listener(restored)
    Listener(channels)
    for number, port in enumerate((443, 443, 80)):
        channels.observe(number, call(number, port))
    restored.load(channels.dump())
    restored.observe(3, call(3, 443))
    restored.observe(4, call(4, 80))
    assert listener.opens == []
    assert [key[2] for key, _ in listener.calls] == [443, 80]
