import { ApiError, send, type HttpRequest } from '@/lib/http';
import { session } from '@/lib/session';

/** Sends a request as the signed-in user, if there is one; an expired token is renewed once. */
export async function request(path: string, options: Omit<HttpRequest, 'token'> = {}): Promise<unknown> {
  const token = session.state.get().accessToken;
  try {
    return await send(path, { ...options, token });
  } catch (error) {
    const expired = error instanceof ApiError && error.status === 401 && token !== null;
    if (!expired || !(await session.refresh())) throw error;
    return send(path, { ...options, token: session.state.get().accessToken });
  }
}
