import asyncio

from services.realtime.engine.wheel import TimerWheel


async def test_items_fire_when_they_are_due_and_again_when_they_say_so():
    fired, start = [], asyncio.get_running_loop().time()

    def fire(item, now):
        fired.append((item, now - start))
        return now + 0.4 if len(fired) == 1 else None

    wheel = TimerWheel(0.01, fire)
    wheel.add("late", start + 0.25)
    wheel.add("twice", start + 0.02)
    await asyncio.sleep(0.7)
    assert [item for item, _ in fired] == ["twice", "late", "twice"]
    assert all(took >= planned for (_, took), planned in zip(fired, (0.02, 0.25, 0.42), strict=True))


async def test_an_idle_wheel_has_no_timer():
    wheel = TimerWheel(0.01, lambda item, now: None)
    assert wheel._timer is None
    wheel.add("x", asyncio.get_running_loop().time())
    await asyncio.sleep(0.05)
    assert wheel._timer is None


async def test_items_that_are_due_together_share_a_turn_of_one_timer():
    turns, loop = set(), asyncio.get_running_loop()
    wheel = TimerWheel(0.02, lambda item, now: turns.add(now))
    moment = loop.time() + 0.01
    for number in range(1000):
        wheel.add(number, moment)
    await asyncio.sleep(0.08)
    assert len(turns) == 1
