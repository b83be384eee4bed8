"""How many refreshes and sign-ins a second a running auth service does, and how many per second of its CPU time.

    python bench/auth.py <address, such as 127.0.0.1:50051> <process id of the service>

Sessions are many, as in life; each refreshes its own token. The accounts made for it stay in the database.
"""

import asyncio
import secrets
import sys
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import psutil
from cryptovault.auth.v1 import auth_service_pb2 as pb
from cryptovault.auth.v1.auth_service_pb2_grpc import AuthServiceStub

from services.kit.caller import Caller
from services.kit.rpc import channel

if TYPE_CHECKING:
    from cryptovault.auth.v1.auth_service_pb2_grpc import AuthServiceAsyncStub

SESSIONS = 32  # at work at the same time
REFRESHES = 150  # of each session
SIGN_INS = 6  # of each account
PASSWORD = "correct horse battery staple"


async def main(address: str, pid: int) -> None:
    """Measure and print."""
    async with channel(address) as link:
        auth = AuthServiceStub(link)
        emails = [f"{secrets.token_hex(8)}@bench.example" for _ in range(SESSIONS)]
        tokens = [await register(auth, email) for email in emails]
        await measure("refreshes", pid, SESSIONS * REFRESHES, lambda: together(refresh, auth, tokens))
        await measure("sign-ins", pid, SESSIONS * SIGN_INS, lambda: together(sign_in, auth, emails))


async def register(auth: "AuthServiceAsyncStub", email: str) -> str:
    """A new account's refresh token."""
    request = pb.RegisterRequest(email=email, password=PASSWORD)
    return (await auth.Register(request, metadata=caller().to_metadata())).tokens.refresh_token


async def refresh(auth: "AuthServiceAsyncStub", token: str) -> None:
    """Carry one session on, again and again."""
    for _ in range(REFRESHES):
        token = (await auth.Refresh(pb.RefreshRequest(refresh_token=token))).tokens.refresh_token


async def sign_in(auth: "AuthServiceAsyncStub", email: str) -> None:
    """Sign one account in, again and again."""
    for _ in range(SIGN_INS):
        request = pb.LoginRequest(email=email, password=PASSWORD)
        await auth.Login(request, metadata=caller().to_metadata(), timeout=30)


def caller() -> Caller:
    """A client from an address of its own."""
    return Caller(client_ip=secrets.token_hex(4), user_agent="bench")


async def together(
    work: Callable[["AuthServiceAsyncStub", str], Awaitable[None]], auth: "AuthServiceAsyncStub", items: list[str]
) -> None:
    """Do the work for all items side by side."""
    await asyncio.gather(*(work(auth, item) for item in items))


async def measure(what: str, pid: int, count: int, run: Callable[[], Awaitable[None]]) -> None:
    """Print how many there were per second, and per second of the service's CPU time."""
    began, before = time.perf_counter(), cpu_seconds(pid)
    await run()
    elapsed, cpu = time.perf_counter() - began, cpu_seconds(pid) - before
    print(f"{what}: {count / elapsed:,.0f}/s; {count / cpu:,.0f} per second of CPU")


def cpu_seconds(pid: int) -> float:
    """CPU time that a process has used so far."""
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
