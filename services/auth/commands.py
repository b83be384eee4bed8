"""The operator's commands: python -m services.auth COMMAND [ADDRESS]."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

from services.auth.domain import audit
from services.auth.domain.audit import SealedEntry
from services.auth.domain.operator import Operator
from services.auth.domain.sessions import SessionDesk

logger = logging.getLogger(__name__)

DONE, FAILED, CALLED_WRONGLY = 0, 1, 2


@dataclass(frozen=True)
class Tools:
    """What the commands work with."""

    operator: Operator
    desk: SessionDesk
    read_audit: Callable[[], AsyncIterator[SealedEntry]]
    rotate_keys: Callable[[], Awaitable[object]]


async def verify_email(tools: Tools, arguments: Sequence[str]) -> int:
    """Take an account's address for verified."""
    if len(arguments) != 1:
        return _wrong("verify-email ADDRESS")
    await tools.operator.verify_email(arguments[0])
    logger.info("the address is verified")
    return DONE


async def end_sessions(tools: Tools, arguments: Sequence[str]) -> int:
    """Sign an account out everywhere."""
    if len(arguments) != 1:
        return _wrong("end-sessions ADDRESS")
    await tools.operator.end_sessions(arguments[0], tools.desk)
    logger.info("all sessions of the account have ended")
    return DONE


async def rotate_keys(tools: Tools, arguments: Sequence[str]) -> int:
    """Make the next signing key now."""
    await tools.rotate_keys()
    logger.info("the next signing key is published; it signs in a few minutes")
    return DONE


async def verify_audit(tools: Tools, arguments: Sequence[str]) -> int:
    """Check the chain of the audit log."""
    chain = audit.Chain()
    async for entry in tools.read_audit():
        if not chain.follows(entry):
            logger.error("the audit log was tampered with: entry %d does not fit", chain.number + 1)
            return FAILED
    logger.info("the audit log is whole: %d entries", chain.number)
    return DONE


def _wrong(usage: str) -> int:
    logger.error("usage: python -m services.auth %s", usage)
    return CALLED_WRONGLY
