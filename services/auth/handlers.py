"""auth.v1.AuthService: from messages to the domain and back."""

from collections.abc import Callable, Sequence
from typing import Any

from cryptovault.auth.v1 import auth_service_pb2 as pb
from cryptovault.auth.v1.auth_service_pb2_grpc import AuthServiceServicer
from google.protobuf.timestamp_pb2 import Timestamp

from services.auth.domain.api_keys import ApiKeyDesk
from services.auth.domain.model import Account, ApiKeyRecord, Ended, Session, TokenPair
from services.auth.domain.ports import Revocations
from services.auth.domain.sessions import SessionDesk
from services.auth.domain.sign_in import SignIn
from services.kit.api_keys import ApiKey, prefix_of
from services.kit.caller import caller_of

Context = Any  # grpc.aio.ServicerContext, whose generic parameters differ per RPC


class AuthHandlers(AuthServiceServicer):
    """Who calls is what the gateway has found out; see services.kit.caller."""

    def __init__(
        self,
        sign_in: SignIn,
        desk: SessionDesk,
        api_keys: ApiKeyDesk,
        revocations: Revocations,
        jwks: Callable[[], Sequence[pb.Jwk]],
    ) -> None:
        self._sign_in = sign_in
        self._desk = desk
        self._api_keys = api_keys
        self._revocations = revocations
        self._jwks = jwks

    async def Register(self, request: pb.RegisterRequest, context: Context) -> pb.RegisterResponse:
        """Create an account and sign it in."""
        caller = caller_of(context)
        pair = await self._sign_in.register(request.email, request.password, request.display_name, caller)
        return pb.RegisterResponse(tokens=_tokens(pair))

    async def Login(self, request: pb.LoginRequest, context: Context) -> pb.LoginResponse:
        """Sign in."""
        pair = await self._sign_in.login(request.email, request.password, caller_of(context))
        return pb.LoginResponse(tokens=_tokens(pair))

    async def Refresh(self, request: pb.RefreshRequest, context: Context) -> pb.RefreshResponse:
        """Exchange a refresh token."""
        pair = await self._desk.refresh(request.refresh_token, caller_of(context))
        return pb.RefreshResponse(tokens=_tokens(pair))

    async def Logout(self, request: pb.LogoutRequest, context: Context) -> pb.LogoutResponse:
        """End the caller's session."""
        await self._desk.sign_out(caller_of(context))
        return pb.LogoutResponse()

    async def ChangePassword(self, request: pb.ChangePasswordRequest, context: Context) -> pb.ChangePasswordResponse:
        """Change the caller's password."""
        await self._sign_in.change_password(request.current_password, request.new_password, caller_of(context))
        return pb.ChangePasswordResponse()

    async def GetMe(self, request: pb.GetMeRequest, context: Context) -> pb.GetMeResponse:
        """The caller's account."""
        credentials = await self._sign_in.credentials_of(caller_of(context))
        return pb.GetMeResponse(user=_user(credentials.account))

    async def ListSessions(self, request: pb.ListSessionsRequest, context: Context) -> pb.ListSessionsResponse:
        """The caller's sessions."""
        caller = caller_of(context)
        sessions = await self._desk.list(caller)
        return pb.ListSessionsResponse(sessions=[_session(item, caller.session_id) for item in sessions])

    async def DeleteSession(self, request: pb.DeleteSessionRequest, context: Context) -> pb.DeleteSessionResponse:
        """End one of the caller's sessions."""
        await self._desk.end(request.session_id, caller_of(context))
        return pb.DeleteSessionResponse()

    async def CreateApiKey(self, request: pb.CreateApiKeyRequest, context: Context) -> pb.CreateApiKeyResponse:
        """Make an API key for the caller."""
        expires_at = _seconds(request.expires_at) if request.HasField("expires_at") else None
        text, record = await self._api_keys.create(request.name, request.scopes, expires_at, caller_of(context))
        return pb.CreateApiKeyResponse(key=text, api_key=_api_key(record))

    async def ListApiKeys(self, request: pb.ListApiKeysRequest, context: Context) -> pb.ListApiKeysResponse:
        """The caller's API keys."""
        records = await self._api_keys.list(caller_of(context))
        return pb.ListApiKeysResponse(api_keys=[_api_key(record) for record in records])

    async def DeleteApiKey(self, request: pb.DeleteApiKeyRequest, context: Context) -> pb.DeleteApiKeyResponse:
        """Revoke one of the caller's API keys."""
        await self._api_keys.revoke(request.key_id, caller_of(context))
        return pb.DeleteApiKeyResponse()

    async def ResolveApiKey(self, request: pb.ResolveApiKeyRequest, context: Context) -> pb.ResolveApiKeyResponse:
        """Whose an API key is."""
        record = await self._api_keys.resolve(ApiKey(request.key_id, request.digest))
        return pb.ResolveApiKeyResponse(
            user_id=record.user_id,
            scopes=sorted(record.scopes),
            tier=record.tier,
            expires_at=_timestamp(record.expires_at),
        )

    async def GetJwks(self, request: pb.GetJwksRequest, context: Context) -> pb.GetJwksResponse:
        """The public keys."""
        return pb.GetJwksResponse(keys=self._jwks())

    async def ListRevocations(self, request: pb.ListRevocationsRequest, context: Context) -> pb.ListRevocationsResponse:
        """What is revoked."""
        ended = await self._revocations.unexpired()
        return pb.ListRevocationsResponse(revocations=[_revocation(item) for item in ended])


def _tokens(pair: TokenPair) -> pb.Tokens:
    return pb.Tokens(
        access_token=pair.access_token,
        refresh_token=pair.refresh_token,
        token_type="Bearer",
        expires_in=pair.expires_in,
        session_id=pair.session_id,
    )


def _user(account: Account) -> pb.User:
    return pb.User(
        user_id=account.user_id,
        email=account.email,
        display_name=account.display_name,
        scopes=sorted(account.scopes),
        created_at=_timestamp(account.created_at),
    )


def _session(session: Session, current: str) -> pb.Session:
    return pb.Session(
        session_id=session.session_id,
        user_agent=session.user_agent,
        ip=session.ip,
        created_at=_timestamp(session.created_at),
        last_seen_at=_timestamp(session.last_seen_at),
        current=session.session_id == current,
    )


def _revocation(ended: Ended) -> pb.Revocation:
    return pb.Revocation(
        user_id=ended.user_id,
        session_id=ended.session_id,
        epoch=ended.epoch,
        expires_at=_timestamp(ended.expires_at),
    )


def _api_key(record: ApiKeyRecord) -> pb.ApiKey:
    return pb.ApiKey(
        key_id=record.key_id,
        prefix=prefix_of(record.key_id),
        name=record.name,
        scopes=sorted(record.scopes),
        tier=record.tier,
        created_at=_timestamp(record.created_at),
        last_used_at=_timestamp(record.last_used_at),
        expires_at=_timestamp(record.expires_at),
    )


def _timestamp(seconds: float | None) -> Timestamp | None:
    if seconds is None:
        return None
    moment = Timestamp()
    moment.FromMilliseconds(round(seconds * 1000))
    return moment


def _seconds(moment: Timestamp) -> float:
    return moment.seconds + moment.nanos / 1e9
