const block = Buffer.alloc(1 << 20);
const ticks = 5; // a second

/** Moves bytes over a connection. Who is asked is told in the first line how many bytes a second to send; who asks knows it. */
export function talk(s, asked, sent = 0) {
  let rate = sent;
  let line = asked ? "" : undefined;
  s.on("error", () => {}).on("data", (data) => {
    if (line === undefined) return;
    line += data.toString("latin1");
    if (!line.includes("\n")) return;
    rate = JSON.parse(line.slice(0, line.indexOf("\n"))).send;
    line = undefined;
  });
  const phase = Math.random() * 6.3;
  const timer = setInterval(() => {
    const now = Date.now() / 1000;
    const n = Math.round((rate / ticks) * (0.7 + 0.3 * Math.sin(now / 7 + phase) + 0.25 * Math.sin(now / 2.3 + 2 * phase)) * (0.8 + 0.4 * Math.random()));
    if (n > 0 && s.writableLength < 1 << 22) s.write(block.subarray(0, Math.min(n, block.length)));
  }, 1000 / ticks);
  s.on("close", () => clearInterval(timer));
}
