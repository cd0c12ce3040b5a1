// Requests to the server, and the session. The token comes behind the # of the address, which browsers send to nobody; it is
// exchanged for a session, which is kept in this tab only. No cookie is set: cookies are shared by all ports of a host, and
// another port may be another user's.

/** What the server refused, in its own words. */
export class ApiError extends Error {
  constructor(message: string, readonly status: number) { super(message); }
}

export type Params = Record<string, string | number | boolean | undefined>;

const key = "sockeye.session";

/** The way to the server. */
export class Api {
  #session: string | null = sessionStorage.getItem(key);

  get signedIn(): boolean { return this.#session !== null; }

  /** Exchanges a token for a session. */
  async signIn(token: string): Promise<void> {
    const answer = await asked("api/session", { method: "POST", headers: { Authorization: "Bearer " + token } });
    this.#keep((await taken<{ session: string }>(answer)).session);
  }

  async signOut(): Promise<void> {
    const headers = this.headers();
    this.forget();
    await fetch("api/session", { method: "DELETE", headers });
  }

  /** Forgets a session that the server does not know any more. */
  forget(): void { this.#keep(null); }

  headers(): Record<string, string> { return this.#session ? { Authorization: "Bearer " + this.#session } : {}; }

  async get<T>(path: string, params: Params = {}, signal?: AbortSignal): Promise<T> {
    return taken<T>(await asked(address(path, params), { headers: this.headers(), signal: signal ?? null }));
  }

  async post<T>(path: string, body: unknown): Promise<T> {
    const headers = { ...this.headers(), "Content-Type": "application/json" };
    return taken<T>(await asked(address(path, {}), { method: "POST", headers, body: JSON.stringify(body) }));
  }

  #keep(session: string | null): void {
    this.#session = session;
    if (session === null) sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, session);
  }
}

/** The address of a path, relative to the page, so that a proxy may put it anywhere. */
export function address(path: string, params: Params): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value !== undefined && value !== "") query.set(name, String(value));
  }
  const text = query.toString();
  return path.replace(/^\//, "") + (text ? "?" + text : "");
}

// What a browser says of a server that is away is other in each, and no help: "Failed to fetch".
async function asked(path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(path, init);
  } catch (err) {
    if (init.signal?.aborted) throw err;
    throw new Error("The server does not answer.");
  }
}

async function taken<T>(answer: Response): Promise<T> {
  if (answer.ok) {
    const text = await answer.text();
    return (text ? JSON.parse(text) : undefined) as T;
  }
  throw await refusal(answer);
}

/** The error of an answer that is none. */
export async function refusal(answer: Response): Promise<ApiError> {
  let text = `the server answers ${answer.status}`;
  try {
    text = ((await answer.json()) as { error?: string }).error ?? text;
  } catch { /* it was no JSON: a proxy's, for one */ }
  return new ApiError(text, answer.status);
}
