import { isRecord, list, record, text } from '@/lib/decode';

const TIMEOUT_MS = 10_000;

export interface FieldProblem {
  readonly field: string;
  readonly message: string;
}

/** A refusal by the server (RFC 9457), or a failure to reach it (status 0). */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly fields: readonly FieldProblem[];
  readonly traceId: string;

  constructor(status: number, message: string, fields: readonly FieldProblem[] = [], traceId = '') {
    super(message);
    this.status = status;
    this.fields = fields;
    this.traceId = traceId;
  }
}

export interface HttpRequest {
  readonly method?: 'GET' | 'POST' | 'DELETE';
  readonly body?: object;
  readonly token?: string | null;
  readonly signal?: AbortSignal | undefined;
  /** Statuses that count as an answer although they say "failed", such as 503 of /health. */
  readonly accept?: readonly number[];
}

/** Sends a request on the page's own origin and returns the decoded JSON body. Throws `ApiError`. */
export async function send(path: string, request: HttpRequest = {}): Promise<unknown> {
  const response = await reach(path, request);
  const body = await readJson(response);
  if (response.ok || request.accept?.includes(response.status)) return body;
  throw asApiError(response, body);
}

async function reach(path: string, { method = 'GET', body, token, signal }: HttpRequest): Promise<Response> {
  const headers = new Headers({ Accept: 'application/json, application/problem+json' });
  if (token) headers.set('Authorization', `Bearer ${token}`);
  if (body) headers.set('Content-Type', 'application/json');
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const options = { method, headers, signal: signal ? AbortSignal.any([signal, timeout]) : timeout };
  try {
    return await fetch(path, body ? { ...options, body: JSON.stringify(body) } : options);
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, 'The server cannot be reached.');
  }
}

async function readJson(response: Response): Promise<unknown> {
  if (!(response.headers.get('Content-Type') ?? '').includes('json')) return null;
  try {
    const body: unknown = await response.json();
    return body;
  } catch {
    return null;
  }
}

function asApiError(response: Response, body: unknown): ApiError {
  const problem = record(body);
  const message = text(problem['detail']) || text(problem['title']) || `The server answered ${response.status}.`;
  return new ApiError(response.status, message, list(problem['errors'], fieldProblem), text(problem['trace_id']));
}

function fieldProblem(value: unknown): FieldProblem {
  const problem = isRecord(value) ? value : {};
  return { field: text(problem['field']), message: text(problem['message']) };
}
