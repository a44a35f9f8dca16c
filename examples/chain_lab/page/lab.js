// Wires the page: what is built goes to the server as soon as it changes (which answers with the program), and into the
// address, so that the address is a link to the chain. Run streams what happens.
import { Builder, mostStages } from "./builder.js";
import { Player } from "./player.js";

const byId = (id) => document.getElementById(id);
const presets = new Map();
let run = null;      // { id, abort }
let checking = 0;    // the number of the last question for the program
let pause;

const builder = new Builder({ stages: byId("stages"), start: byId("start"), changed: () => { byId("preset").value = ""; changed(); } });
const player = new Player((frame) => {
  builder.mark(frame.chain === 0 ? frame.stage : null, frame.failed);
  markLine(frame.line);
});

// ---- Links: the plan as JSON, in base64 without the characters that addresses do not like

const encode = (plan) => btoa(String.fromCharCode(...new TextEncoder().encode(JSON.stringify(plan)))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
function decode(text) {
  const bytes = Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
  const plan = JSON.parse(new TextDecoder().decode(bytes));
  const isFunction = (f) => f === undefined || (typeof f === "object" && f !== null && typeof f.do === "string");
  if (!Array.isArray(plan.stages) || plan.stages.length < 1 || plan.stages.length > mostStages || typeof plan.start !== "object" || plan.start === null ||
      !plan.stages.every((s) => typeof s === "object" && s !== null && isFunction(s.f) && isFunction(s.g))) throw new SyntaxError("not a chain");
  return plan;
}

function fromAddress() {
  const [, kind, what] = /^#(preset|chain)=(.+)$/.exec(location.hash) ?? [];
  try {
    if (kind === "preset" && presets.has(what)) return choose(what);
    if (kind === "chain") {
      builder.show(decode(what));
      byId("preset").value = "";
      byId("story").textContent = "";
      return changed();
    }
  } catch {
    byId("story").textContent = "The link holds no chain that can be read, so here is another one.";
    return choose("four", false);
  }
  choose("four", false);
}

function choose(id, tell = true) {
  const preset = presets.get(id);
  byId("preset").value = id;
  if (tell || !byId("story").textContent) byId("story").textContent = preset.story;
  builder.show(preset.plan);
  history.replaceState(null, "", `#preset=${id}`);
  changed(false);
}

// ---- The program

function changed(ownChain = true) {
  stop();
  if (ownChain) {
    byId("story").textContent = "";
    history.replaceState(null, "", `#chain=${encode(builder.plan)}`);
  }
  document.querySelectorAll("[data-add]").forEach((button) => { button.disabled = builder.plan.stages.length >= mostStages; });
  clearTimeout(pause);
  pause = setTimeout(check, ownChain ? 150 : 0);
}

async function check() {
  const question = ++checking;
  const answer = await ask("/code", builder.plan);
  if (question !== checking) return;
  complain(answer);
  if (answer.code) showCode(answer.code);
}

async function ask(path, what, options = {}) {
  try {
    const response = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(what), ...options });
    if (response.status === 204) return {};
    if (response.ok && options.signal) return response;
    return await response.json();
  } catch (error) {
    if (error.name === "AbortError") return { aborted: true };
    return { error: "The server can't be reached.", stage: -1 };
  }
}

function complain({ error = "", stage = -1 }) {
  byId("mistake").textContent = error;
  byId("run").disabled = error !== "" && stage >= -1 && error !== "The server can't be reached.";
  builder.blame(error ? stage : -1);
}

function showCode(code) {
  byId("code").replaceChildren(...code.replace(/\n$/, "").split("\n").map((text, i) => {
    const line = document.createElement("span");
    line.className = "line";
    line.dataset.line = i + 1;
    line.textContent = `${text}\n`;
    return line;
  }));
}

function markLine(line) {
  byId("code").querySelectorAll(".line").forEach((it) => it.classList.toggle("now", Number(it.dataset.line) === line));
  const now = byId("code").querySelector(".line.now");
  if (now) byId("code").scrollTop = Math.max(0, now.offsetTop - byId("code").clientHeight / 2);
}

// ---- Running

function stop() {
  run?.abort.abort();
  run = null;
  controls();
}

function controls() {
  const mine = run !== null && builder.plan.start.with === "you";
  byId("fire").disabled = byId("fail").disabled = !mine || run.fired;
  byId("cancel").disabled = run === null;
  document.body.classList.toggle("running", run !== null);
}

async function start() {
  stop();
  player.clear();
  builder.mark(null, false);
  const mine = run = { id: null, abort: new AbortController(), fired: false };
  const answer = await ask("/run", builder.plan, { signal: mine.abort.signal });
  if (run !== mine) return;
  if (!(answer instanceof Response)) {
    stop();
    if (!answer.aborted) complain(answer);
    return;
  }
  complain({});
  controls();
  if (matchMedia("(max-width: 820px)").matches) document.querySelector(".watch").scrollIntoView();
  try {
    for await (const [kind, data] of events(answer.body)) {
      if (run !== mine) return;
      if (kind === "begin") {
        mine.id = data.id;
        showCode(data.code);
      } else if (kind === "frame") {
        player.add(data);
      } else if (kind === "over") {
        document.body.dataset.story = data.story;
      }
    }
  } catch (error) {
    if (error.name !== "AbortError") complain({ error: "The line to the server broke." });
  }
  if (run === mine) stop();
}

/** Server-sent events out of the body of a response: EventSource cannot POST. */
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += value;
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const lines = text.slice(0, end).split("\n");
      text = text.slice(end + 2);
      const field = (name) => lines.filter((line) => line.startsWith(`${name}:`)).map((line) => line.slice(name.length + 1).replace(/^ /, "")).join("\n");
      if (field("data")) yield [field("event"), JSON.parse(field("data"))];
    }
  }
}

async function act(path, what) {
  if (!run?.id) return;
  const answer = await ask(`/runs/${run.id}/${path}`, what);
  if (answer.error) byId("mistake").textContent = answer.error;
}

byId("run").onclick = start;
byId("fire").onclick = () => { run.fired = true; controls(); act("fire", { with: "value" }); };
byId("fail").onclick = () => { run.fired = true; controls(); act("fire", { with: "failure" }); };
byId("cancel").onclick = () => act("cancel", {});
document.querySelectorAll("[data-add]").forEach((button) => { button.onclick = () => builder.add(button.dataset.add); });
byId("preset").onchange = () => byId("preset").value && choose(byId("preset").value);
byId("link").onclick = async () => {
  try {
    await navigator.clipboard.writeText(location.href);
    byId("copied").textContent = "copied";
  } catch {
    byId("copied").textContent = "it is in the address bar";
  }
  setTimeout(() => { byId("copied").textContent = ""; }, 2500);
};
addEventListener("keydown", (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !byId("run").disabled) start(); });
addEventListener("hashchange", fromAddress);

for (const { group, presets: some } of await (await fetch("/presets.json")).json()) {
  const options = document.createElement("optgroup");
  options.label = group;
  for (const preset of some) {
    presets.set(preset.id, preset);
    options.append(new Option(preset.title, preset.id));
  }
  byId("preset").append(options);
}
fromAddress();
