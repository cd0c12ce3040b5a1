"use strict";
// The token comes behind the # of the address, which browsers send to nobody; it is exchanged for a session, and kept in this
// tab only. No cookie is set: cookies are shared by all ports of a host, and another port may be another user's.
const rows = new Map();
let session = sessionStorage.getItem("session");
let stop = null;

const headers = () => (session ? { Authorization: "Bearer " + session } : {});
const say = (text) => { document.getElementById("state").textContent = text; };

async function enter() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!token) return;
  history.replaceState(null, "", location.pathname);
  const answer = await fetch("api/session", { method: "POST", headers: { Authorization: "Bearer " + token } });
  if (!answer.ok) return;
  session = (await answer.json()).session;
  sessionStorage.setItem("session", session);
}

const end = (addr, port) => addr === undefined ? "" : (addr.includes(":") ? `[${addr}]:${port}` : `${addr}:${port}`);
const cells = (s) => [s.proto, s.state, end(s.local_addr, s.local_port), end(s.remote_addr, s.remote_port), s.user,
  (s.owners || []).map((o) => `${o.name}[${o.pid}]`).join(" ") || s.owner_missing, s.rx_bytes, s.tx_bytes];

function draw(id, socket) {
  let tr = rows.get(id);
  if (!tr) {
    tr = document.createElement("tr");
    rows.set(id, tr);
    document.getElementById("rows").append(tr);
  }
  tr.replaceChildren(...cells(socket).map((text) => {
    const td = document.createElement("td");
    td.textContent = text ?? "";
    return td;
  }));
}

function take(event, data) {
  if (event === "hello") {
    document.getElementById("host").textContent = data.host;
    say(data.access === "full" ? "live" : "live; processes are shown to who has the token: see sockeye serve status");
  } else if (event === "sockets") {
    const all = data.all ? new Set(Object.keys(data.set)) : null;
    for (const id of [...(data.gone), ...(all ? [...rows.keys()].filter((id) => !all.has(id)) : [])]) {
      rows.get(id)?.remove();
      rows.delete(id);
    }
    for (const [id, socket] of Object.entries(data.set)) draw(id, socket);
  }
}

// EventSource cannot send the header of the session, so the stream is read by hand.
async function follow(signal) {
  const query = new URLSearchParams({ topics: "sockets", filter: document.getElementById("filter").value });
  const answer = await fetch("api/events?" + query, { headers: headers(), signal });
  if (answer.status === 401 && session) {
    session = null;
    sessionStorage.removeItem("session");
    return;
  }
  if (!answer.ok) throw new Error((await answer.json()).error);
  let text = "";
  for (const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader(); ;) {
    const { value, done } = await reader.read();
    if (done) throw new Error("the server has ended the stream");
    const parts = (text + value).split("\n\n");
    text = parts.pop();
    for (const part of parts) {
      const [first, second] = part.split("\n");
      take(first.slice("event: ".length), JSON.parse(second.slice("data: ".length)));
    }
  }
}

async function run() {
  stop?.abort();
  const mine = stop = new AbortController();
  while (!mine.signal.aborted) {
    try {
      await follow(mine.signal);
    } catch (err) {
      if (mine.signal.aborted) return;
      say(String(err.message));
    }
    await new Promise((done) => setTimeout(done, 2000));
  }
}

document.getElementById("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  run();
});
enter().finally(run);
