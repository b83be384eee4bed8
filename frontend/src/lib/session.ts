import { list, number, record, text } from '@/lib/decode';
import { ApiError, send } from '@/lib/http';
import { Observable } from '@/lib/observable';

const REFRESH_KEY = 'cryptovault.refresh';
/** The access token is renewed when this share of its life is over. */
const RENEW_AT = 0.8;

export interface User {
  readonly id: string;
  readonly email: string;
  readonly displayName: string;
  readonly scopes: readonly string[];
}

export interface SessionState {
  readonly status: 'restoring' | 'anonymous' | 'signed-in';
  readonly user: User | null;
  readonly accessToken: string | null;
}

const ANONYMOUS: SessionState = { status: 'anonymous', user: null, accessToken: null };

/**
 * The signed-in user. The access token lives in memory only; the refresh token in the tab's session storage, so that
 * a reload keeps the session and closing the tab ends it here.
 */
export class Session {
  readonly state: Observable<SessionState>;
  readonly #storage: Storage;
  #refreshing: Promise<boolean> | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(storage: Storage) {
    this.#storage = storage;
    const known = storage.getItem(REFRESH_KEY) !== null;
    this.state = new Observable<SessionState>(known ? { ...ANONYMOUS, status: 'restoring' } : ANONYMOUS);
  }

  async restore(): Promise<void> {
    if (this.state.get().status === 'restoring') await this.refresh();
  }

  async signIn(email: string, password: string): Promise<void> {
    await this.#enter(await send('/api/auth/login', { method: 'POST', body: { email, password } }));
  }

  async register(email: string, password: string, displayName: string): Promise<void> {
    const body = { email, password, display_name: displayName };
    await this.#enter(await send('/api/auth/register', { method: 'POST', body }));
  }

  async signOut(): Promise<void> {
    const token = this.state.get().accessToken;
    this.#forget();
    await send('/api/auth/logout', { method: 'POST', body: {}, token });
  }

  /** Gets a new access token; callers at the same time share one request. False when the session is over. */
  refresh(): Promise<boolean> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = null;
    });
    return this.#refreshing;
  }

  async #refresh(): Promise<boolean> {
    const refreshToken = this.#storage.getItem(REFRESH_KEY);
    if (refreshToken === null) return false;
    try {
      const body = { refresh_token: refreshToken };
      await this.#enter(await send('/api/auth/refresh', { method: 'POST', body }));
      return true;
    } catch (error) {
      // Only a refusal ends the session; a server that cannot be reached just now does not.
      if (error instanceof ApiError && (error.status === 400 || error.status === 401)) this.#forget();
      else this.#renewIn(5);
      return false;
    }
  }

  async #enter(answer: unknown): Promise<void> {
    const tokens = record(answer);
    const accessToken = text(tokens['access_token']);
    this.#storage.setItem(REFRESH_KEY, text(tokens['refresh_token']));
    const user = this.state.get().user ?? decodeUser(await send('/api/auth/me', { token: accessToken }));
    this.state.set({ status: 'signed-in', user, accessToken });
    this.#renewIn(number(tokens['expires_in']) * RENEW_AT);
  }

  #renewIn(seconds: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.refresh(), Math.max(1, seconds) * 1000);
  }

  #forget(): void {
    clearTimeout(this.#timer);
    this.#storage.removeItem(REFRESH_KEY);
    this.state.set(ANONYMOUS);
  }
}

function decodeUser(value: unknown): User {
  const user = record(value);
  const email = text(user['email']);
  return {
    id: text(user['user_id']),
    email,
    displayName: text(user['display_name']) || email,
    scopes: list(user['scopes'], text),
  };
}

export const session = new Session(window.sessionStorage);
