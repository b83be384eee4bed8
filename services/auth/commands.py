"""The operator's commands: python -m services.auth COMMAND [ARGUMENTS]."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

from services.auth.domain import audit
from services.auth.domain.api_keys import ApiKeyDesk
from services.auth.domain.audit import SealedEntry
from services.auth.domain.operator import OPERATOR, Operator
from services.auth.domain.sessions import SessionDesk

logger = logging.getLogger(__name__)

DONE, FAILED, CALLED_WRONGLY = 0, 1, 2


@dataclass(frozen=True)
class Tools:
    """What the commands work with."""

    operator: Operator
    desk: SessionDesk
    api_keys: ApiKeyDesk
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


async def revoke_api_keys(tools: Tools, arguments: Sequence[str]) -> int:
    """Revoke all API keys of an account."""
    if len(arguments) != 1:
        return _wrong("revoke-api-keys ADDRESS")
    await tools.operator.revoke_api_keys(arguments[0], tools.api_keys)
    logger.info("all API keys of the account are revoked")
    return DONE


async def set_api_key_tier(tools: Tools, arguments: Sequence[str]) -> int:
    """Let an API key draw on another of the gateway's budgets."""
    if len(arguments) != 2:
        return _wrong("set-api-key-tier KEY-ID TIER")
    await tools.api_keys.set_tier(arguments[0], arguments[1], OPERATOR)
    logger.info("the API key draws on the budget %s, everywhere within a minute", arguments[1])
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
