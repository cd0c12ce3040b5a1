import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { symlinkSync } from "node:fs";
import { join } from "node:path";

type Talk = [addr: string, port: number, received: number, sent: number];
interface Program { line?: string; listen?: [string, number][]; connect?: Talk[] }

const k = 1000;

/** A small server that somebody also works at. Nothing of it is true. */
const programs: Record<string, Program> = {
  nginx: { listen: [["0.0.0.0", 443], ["0.0.0.0", 80]], connect: [["127.0.0.1", 8080, 60 * k, 9 * k], ["127.0.0.1", 8080, 40 * k, 5 * k]] },
  "shop-api": { listen: [["127.0.0.1", 8080]], connect: [["127.0.0.1", 5432, 22 * k, 4 * k], ["127.0.0.1", 5432, 15 * k, 3 * k], ["29.1.3.11", 443, 6 * k, 9 * k]] },
  postgres: { listen: [["127.0.0.1", 5432]] },
  sshd: { listen: [["0.0.0.0", 22]] },
  restic: { connect: [["11.8.4.10", 443, 12 * k, 2400 * k]] },
  rsync: { connect: [["22.5.2.10", 873, 1700 * k, 30 * k]] },
  firefox: { connect: [["11.9.1.10", 443, 640 * k, 12 * k], ["11.9.1.11", 443, 210 * k, 9 * k], ["22.1.9.10", 443, 90 * k, 7 * k], ["22.4.4.12", 443, 55 * k, 6 * k],
    ["29.4.4.10", 443, 38 * k, 4 * k], ["22.6.1.11", 443, 17 * k, 3 * k], ["11.40.2.10", 443, 9 * k, 2 * k]] },
  "postfix": { listen: [["0.0.0.0", 25]], connect: [["22.8.3.10", 25, 2 * k, 48 * k], ["30.1.1.10", 25, 1 * k, 31 * k]] },
  "prometheus": { listen: [["127.0.0.1", 9090]], connect: [["22.4.9.10", 9100, 8 * k, 600]] },
};

const visitors: Talk[] = [["22.4.9", 22, 3 * k, 900], ...([["29.4.8", 120], ["29.7.2", 260], ["28.1.1", 180], ["28.2.7", 75], ["21.3.5", 140], ["21.7.1", 66], ["26.2.2", 52],
  ["26.3.3", 31], ["26.5.8", 44], ["30.2.5", 28], ["22.9.9", 160], ["22.12.1", 110], ["22.14.6", 95], ["33.1.6", 57], ["29.9.9", 85], ["28.6.6", 49], ["11.9.7", 310], ["22.4.4", 205],
  ["29.4.4", 175], ["11.40.2", 71]] as [string, number][]).map(([prefix, kb]): Talk => [prefix, 443, kb * k, kb * 40])];

/** Starts the machine of the pictures. Returns what ends it, and what makes a new program. */
export async function play(dir: string): Promise<{ stop(): void; start(name: string, what: Program): void }> {
  const children: ChildProcess[] = [];
  const far = spawn("unshare", ["--net", process.execPath, here("far.mjs"), JSON.stringify({ serve: [443, 873, 25, 9100], visit: visitors })], { stdio: ["pipe", "pipe", "inherit"] });
  children.push(far);
  await new Promise((done) => setTimeout(done, 500)); // unshare is in its namespace
  run("link", "add", "uplink", "type", "veth", "peer", "name", "far", "netns", String(far.pid));
  run("address", "add", "203.0.113.10/24", "dev", "uplink");
  run("link", "set", "uplink", "up");
  run("route", "add", "default", "via", "203.0.113.1");
  const start = (name: string, what: Program) => {
    const program = join(dir, name);
    symlinkSync(process.execPath, program);
    // The program text comes by standard input, so that the command line is only what the picture shall show.
    const child = spawn(program, [], { argv0: what.line ?? name, stdio: ["pipe", "ignore", "inherit"], env: { ...process.env, PROGRAM: JSON.stringify(what) } });
    child.stdin!.end(`import(${JSON.stringify(here("program.mjs"))})`);
    children.push(child);
  };
  for (const [name, what] of Object.entries(programs)) start(name, what);
  far.stdin!.write("go\n");
  await once(far.stdout!, "data");
  return { start, stop: () => { for (const c of children) c.kill("SIGKILL"); } };
}

function here(name: string): string { return new URL(name, import.meta.url).pathname; }

function run(...args: string[]): void {
  if (spawnSync("ip", args, { stdio: "inherit" }).status !== 0) throw new Error(`ip ${args.join(" ")} failed`);
}
