"""The simulator as a process: what it says when it is set up wrongly, and an end that leaves nothing behind."""

import asyncio
import os
import sys

import aiohttp

PATIENCE = 15.0  # seconds


async def start(**variables):
    environment = {**os.environ, **variables}
    arguments = (sys.executable, "-m", "simulator")
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(*arguments, env=environment, stderr=pipe)


async def test_wrong_settings_end_the_process_with_status_two():
    process = await start(CV_SIMULATOR_PORT="x")
    _, said = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert process.returncode == 2
    assert b"CV_SIMULATOR_PORT" in said


async def test_a_missing_folder_of_recordings_ends_the_process_with_a_sentence(tmp_path):
    process = await start(CV_SIMULATOR_PORT="0", CV_SIMULATOR_RECORDINGS=str(tmp_path))
    _, said = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert process.returncode == 2
    assert b"no recordings that can be replayed" in said


async def test_the_process_serves_live_frames_and_ends_on_sigterm_with_a_closing_handshake():
    process = await start(CV_SIMULATOR_PORT="0", CV_LOG_FORMAT="text")
    line = (await asyncio.wait_for(process.stderr.readline(), PATIENCE)).decode()
    url = line.split("listen on ")[1].split()[0]
    async with aiohttp.ClientSession() as client, client.ws_connect(f"{url}/binance/ws/btcusdt@bookTicker") as socket:
        assert '"s":"BTCUSDT"' in await socket.receive_str(timeout=PATIENCE)
        process.terminate()
        while (await socket.receive(timeout=PATIENCE)).type is aiohttp.WSMsgType.TEXT:
            pass
        assert socket.close_code == aiohttp.WSCloseCode.GOING_AWAY
    assert await asyncio.wait_for(process.wait(), PATIENCE) == 0
