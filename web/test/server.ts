import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What a server is started with besides. */
export interface Options { history?: boolean; args?: string[] }

/** A sockeye serve of the test's own. */
export class Server {
  readonly dir = mkdtempSync(join(tmpdir(), "sockeye-page-"));
  readonly token = "a-token-for-tests-long-enough";
  #process: ChildProcess | undefined;
  #errors = "";

  private constructor(readonly port: number, readonly options: Options) {
    writeFileSync(join(this.dir, "token"), `${this.token}\n`, { mode: 0o600 });
  }

  static async start(options: Options = {}): Promise<Server> {
    const server = new Server(await freePort(), options);
    await server.again();
    return server;
  }

  get url(): string { return `http://127.0.0.1:${this.port}/`; }
  /** The address that brings the token along, as sockeye serve status prints it. */
  get full(): string { return `${this.url}#token=${encodeURIComponent(this.token)}`; }
  get history(): string { return join(this.dir, "history.db"); }

  /** Starts the program, at the same address as before. */
  async again(): Promise<void> {
    const { history, args = [] } = this.options;
    this.#process = spawn(process.env.SOCKEYE_BIN!, ["serve", "--addr", `127.0.0.1:${this.port}`, "--pipe", join(this.dir, "pipe"),
      "--token-file", join(this.dir, "token"), ...(history ? ["--history", this.history] : ["--no-history"]),
      "--geo", "--db", process.env.SOCKEYE_PLACES!, ...args], { stdio: ["ignore", "ignore", "pipe"] });
    this.#process.stderr!.on("data", (text) => { this.#errors += text; });
    await until("the server has read the machine", async () => {
      if (this.#process!.exitCode !== null) throw new Error(`the server ended: ${this.#errors}`);
      const status = await this.get("api/status").catch(() => undefined);
      return status?.seq >= 1;
    });
  }

  async get(path: string): Promise<any> {
    const answer = await fetch(this.url + path, { headers: { Authorization: `Bearer ${this.token}` } });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  /** Ends the program and leaves the rest, so that it may be started again. */
  async down(): Promise<void> {
    const p = this.#process;
    if (!p || p.exitCode !== null || p.signalCode !== null) return;
    p.kill("SIGTERM");
    const timer = setTimeout(() => p.kill("SIGKILL"), 5000);
    await once(p, "exit");
    clearTimeout(timer);
  }

  async stop(): Promise<void> {
    await this.down();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** Waits until something is so. */
export async function until(what: string, so: () => Promise<boolean> | boolean, seconds = 15): Promise<void> {
  for (const end = Date.now() + seconds * 1000; Date.now() < end;) {
    if (await so()) return;
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error(`not after ${seconds} s: ${what}`);
}

async function freePort(): Promise<number> {
  const l = net.createServer().listen(0, "127.0.0.1");
  await once(l, "listening");
  const { port } = l.address() as net.AddressInfo;
  l.close();
  await once(l, "close");
  return port;
}

/** A listener of the test's own that reads and throws away, with its connections. */
export class Echo {
  readonly ends = new Set<net.Socket>();
  #server = net.createServer((s) => { this.#keep(s); s.resume(); });

  static async listen(addr = "127.0.0.1", port = 0): Promise<Echo> {
    const e = new Echo();
    e.#server.listen(port, addr);
    await once(e.#server, "listening");
    return e;
  }

  get port(): number { return (this.#server.address() as net.AddressInfo).port; }
  get addr(): string { return (this.#server.address() as net.AddressInfo).address; }

  /** Connects to it, from an address if one is given. */
  async connect(from?: string): Promise<net.Socket> {
    const s = net.connect({ host: this.addr, port: this.port, ...(from ? { localAddress: from } : {}) });
    await once(s, "connect");
    return this.#keep(s);
  }

  #keep(s: net.Socket): net.Socket {
    this.ends.add(s);
    s.on("error", () => {}).on("close", () => this.ends.delete(s));
    return s;
  }

  async close(): Promise<void> {
    for (const s of this.ends) s.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }
}
