"""What an operator does to accounts: the first admin, verified addresses, ending all sessions."""

import logging

from services.auth.domain import email as addresses
from services.auth.domain.api_keys import ApiKeyDesk
from services.auth.domain.audit import Event
from services.auth.domain.model import ADMIN, Account, Credentials
from services.auth.domain.ports import Accounts, Audit, Hasher
from services.auth.domain.sessions import SessionDesk, entry
from services.auth.domain.sign_in import new_account
from services.kit.caller import Caller
from services.kit.clock import Clock
from services.kit.errors import NotFound

logger = logging.getLogger(__name__)

OPERATOR = Caller(user_agent="operator")


class Operator:
    """Acts on accounts without being their user."""

    def __init__(self, accounts: Accounts, hasher: Hasher, audit: Audit, clock: Clock) -> None:
        self._accounts = accounts
        self._hasher = hasher
        self._audit = audit
        self._clock = clock

    async def ensure_admin(self, email: str, password: str) -> None:
        """Create the first admin, or make the existing account one if the password is its own.

        The password must fit because anybody may have registered the address before.
        """
        credentials = await self._accounts.by_email(addresses.normalise(email))
        if credentials is None:
            await self._create_admin(email, password)
        elif ADMIN not in credentials.account.scopes:
            await self._promote(credentials, password)

    async def verify_email(self, email: str) -> None:
        """Take an address for verified. Raises NotFound if no account has it."""
        account = await self._account(email)
        await self._accounts.mark_verified(account.user_id)
        await self._record(Event.EMAIL_VERIFIED, account.user_id)

    async def end_sessions(self, email: str, desk: SessionDesk) -> None:
        """Sign an account out everywhere. Raises NotFound if no account has the address."""
        account = await self._account(email)
        async with self._accounts.new_epoch(account.user_id) as epoch:
            await desk.end_all(account.user_id, epoch, "ended_by_operator")
        await self._record(Event.ALL_SESSIONS_ENDED, account.user_id)

    async def revoke_api_keys(self, email: str, keys: ApiKeyDesk) -> None:
        """Revoke all API keys of an account. Raises NotFound if no account has the address."""
        account = await self._account(email)
        await keys.revoke_all(account.user_id, OPERATOR)

    async def _create_admin(self, email: str, password: str) -> None:
        account = new_account(email, "", self._clock, scopes=frozenset({ADMIN}), verified=True)
        if await self._accounts.add(account, await self._hasher.hash(password)):
            await self._record(Event.ADMIN_CREATED, account.user_id)
            logger.info("the first admin was created")

    async def _promote(self, credentials: Credentials, password: str) -> None:
        if not await self._hasher.verify(credentials.password_hash, password):
            logger.error("CV_ADMIN_EMAIL names an account with another password; it was not made an admin")
            return
        user_id = credentials.account.user_id
        await self._accounts.grant(user_id, ADMIN)
        await self._accounts.mark_verified(user_id)
        await self._record(Event.ADMIN_CREATED, user_id)
        logger.info("the account that CV_ADMIN_EMAIL names was made an admin")

    async def _account(self, email: str) -> Account:
        credentials = await self._accounts.by_email(addresses.normalise(email))
        if credentials is None:
            raise NotFound("no account has this e-mail address")
        return credentials.account

    async def _record(self, event: Event, user_id: str) -> None:
        await self._audit.record(entry(event, self._clock, OPERATOR, user_id))
