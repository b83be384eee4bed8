"""Accounts and passwords: registering, signing in, changing the password.

A wrong password, an unknown address and a wrong address form get the same answer after the same work.
"""

from functools import partial
from uuid import uuid4

from services.auth.domain import email as addresses
from services.auth.domain import password_policy
from services.auth.domain.audit import Event
from services.auth.domain.checks import check, name_problem, required
from services.auth.domain.model import Account, Credentials, PasswordChange, TokenPair
from services.auth.domain.ports import Accounts, Attempts, Audit, Hasher
from services.auth.domain.sessions import SessionDesk, entry
from services.kit.caller import Caller
from services.kit.clock import Clock
from services.kit.errors import AlreadyExists, FieldError, InvalidInput, PermissionDenied, Unauthenticated

MAX_DISPLAY_NAME = 64  # characters


class SignIn:
    """Turns addresses and passwords into sessions."""

    def __init__(
        self,
        accounts: Accounts,
        hasher: Hasher,
        attempts: Attempts,
        desk: SessionDesk,
        audit: Audit,
        clock: Clock,
        *,
        require_verified_email: bool,
    ) -> None:
        self._accounts = accounts
        self._hasher = hasher
        self._attempts = attempts
        self._desk = desk
        self._audit = audit
        self._clock = clock
        self._require_verified_email = require_verified_email

    async def register(self, email: str, password: str, display_name: str, caller: Caller) -> TokenPair:
        """Create an account and sign it in.

        Where addresses must be verified first, the answer is PermissionDenied whether or not the address was free.
        """
        check(
            email=addresses.problem(email),
            password=password_policy.problem(password, email),
            display_name=name_problem(display_name, MAX_DISPLAY_NAME),
        )
        account = new_account(email, display_name, self._clock)
        is_new = await self._accounts.add(account, await self._hasher.hash(password))
        if is_new:
            await self._audit.record(entry(Event.REGISTERED, self._clock, caller, account.user_id))
        self._check_verified(account)
        if not is_new:
            raise AlreadyExists("there is an account already", fields=(FieldError("email", "is taken"),))
        return await self._open(account, caller)

    async def login(self, email: str, password: str, caller: Caller) -> TokenPair:
        """Sign in. Raises Unauthenticated, TooManyRequests, or PermissionDenied for an address yet to be verified."""
        check(email=required(email), password=required(password))
        key = addresses.normalise(email)
        credentials = await self._accounts.by_email(key)
        password_hash = credentials.password_hash if credentials else None
        fits = await self._attempts.guard(key, caller.client_ip, partial(self._hasher.verify, password_hash, password))
        if credentials is None or not fits:
            user_id = credentials.account.user_id if credentials else ""
            self._audit.note(entry(Event.SIGN_IN_FAILED, self._clock, caller, user_id))
            raise Unauthenticated("the e-mail address or the password is wrong", reason="credentials_invalid")
        self._check_verified(credentials.account)
        await self._rehash(credentials, password)
        return await self._open(credentials.account, caller)

    async def change_password(self, current: str, new: str, caller: Caller) -> None:
        """Set another password and end the account's other sessions: both, or neither."""
        credentials = await self.credentials_of(caller)
        account = credentials.account
        check(current_password=required(current), new_password=_new_password_problem(current, new, account.email))
        fits = partial(self._hasher.verify, credentials.password_hash, current)
        if not await self._attempts.guard(addresses.normalise(account.email), caller.client_ip, fits):
            self._audit.note(entry(Event.PASSWORD_CHANGE_FAILED, self._clock, caller, account.user_id))
            raise InvalidInput(fields=(FieldError("current_password", "is not the present password"),))
        change = PasswordChange(credentials.password_hash, await self._hasher.hash(new))
        async with self._accounts.new_epoch(account.user_id, change) as epoch:
            await self._desk.end_others(account.user_id, caller.session_id, epoch, "password_changed")
        self._audit.note(entry(Event.PASSWORD_CHANGED, self._clock, caller, account.user_id, caller.session_id))

    async def credentials_of(self, caller: Caller) -> Credentials:
        """The caller's account. Raises Unauthenticated if it is gone."""
        credentials = await self._accounts.by_id(caller.require_user())
        if credentials is None:
            raise Unauthenticated("the account does not exist any more")
        return credentials

    async def _open(self, account: Account, caller: Caller) -> TokenPair:
        pair = await self._desk.open(account, caller)
        await self._audit.record(entry(Event.SIGNED_IN, self._clock, caller, account.user_id, pair.session_id))
        return pair

    def _check_verified(self, account: Account) -> None:
        if self._require_verified_email and not account.verified:
            raise PermissionDenied("the e-mail address must be verified before signing in", reason="email_not_verified")

    async def _rehash(self, credentials: Credentials, password: str) -> None:
        if self._hasher.is_outdated(credentials.password_hash):
            new_hash = await self._hasher.hash(password)
            await self._accounts.replace_hash(credentials.account.user_id, credentials.password_hash, new_hash)


def new_account(
    email: str, display_name: str, clock: Clock, *, scopes: frozenset[str] = frozenset(), verified: bool = False
) -> Account:
    """An account that does not exist yet; without a name it gets the part of the address before the @."""
    email = email.strip()
    name = display_name.strip() or email.rpartition("@")[0]
    return Account(str(uuid4()), email, name, scopes, epoch=1, verified=verified, created_at=clock.time())


def _new_password_problem(current: str, new: str, email: str) -> str:
    return password_policy.problem(new, email) or ("must differ from the present password" if new == current else "")
