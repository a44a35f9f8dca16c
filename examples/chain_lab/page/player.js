// The right side: the steps of a run as they come in, at a pace that one can follow; then back and forth at will.

const byId = (id) => document.getElementById(id);

export class Player {
  /** marked(frame) is called with the frame that is shown. */
  constructor(marked) {
    this.marked = marked;
    this.frames = [];
    this.at = -1;
    this.following = false;
    byId("first").onclick = () => this.#choose(0);
    byId("back").onclick = () => this.#choose(this.at - 1);
    byId("on").onclick = () => this.#choose(this.at + 1);
    byId("last").onclick = () => this.#choose(this.frames.length - 1);
    byId("at").oninput = () => this.#choose(Number(byId("at").value));
    addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
      if (event.key === "ArrowRight") this.#choose(this.at + 1);
      if (event.key === "ArrowLeft") this.#choose(this.at - 1);
    });
    this.#buttons();
  }

  clear() {
    clearTimeout(this.alarm);
    this.alarm = undefined;
    this.frames = [];
    this.at = -1;
    this.following = true;
    byId("steps").replaceChildren();
    byId("picture").replaceChildren();
    byId("words").textContent = "";
    byId("where").textContent = "";
    this.#texts();
    this.#buttons();
  }

  add(frame) {
    const n = this.frames.push(frame) - 1;
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = frame.words;
    button.style.setProperty("--depth", frame.depth);
    button.classList.toggle("failed", frame.failed);
    button.onclick = () => this.#choose(n);
    item.append(button);
    const time = document.createElement("time");
    time.textContent = `${frame.ms} ms`;
    item.append(time);
    item.hidden = true;   // until it is its turn
    byId("steps").append(item);
    this.#buttons();
    this.#follow();
  }

  get running() { return this.following && this.at < this.frames.length - 1; }

  #follow() {
    if (!this.following || this.alarm !== undefined || this.at >= this.frames.length - 1) return;
    const pace = this.at < 0 ? 0 : Number(byId("pace").value);
    if (pace === 0) {
      this.#show(this.at + 1);
      return this.#follow();
    }
    this.alarm = setTimeout(() => {
      this.alarm = undefined;
      this.#show(this.at + 1);
      this.#follow();
    }, pace);
  }

  /** Somebody wants to see this one: no more following. */
  #choose(n) {
    if (n < 0 || n >= this.frames.length) return;
    this.following = n === this.frames.length - 1;
    clearTimeout(this.alarm);
    this.alarm = undefined;
    this.#show(n);
  }

  #show(n) {
    this.at = n;
    const frame = this.frames[n];
    byId("where").textContent = `${n + 1} of ${this.frames.length}`;
    byId("words").textContent = frame.words;
    byId("now").classList.toggle("failed", frame.failed);
    [...byId("steps").children].forEach((item, i) => {
      if (i <= n) item.hidden = false;
      item.classList.toggle("now", i === n);
      if (i === n) item.firstChild.setAttribute("aria-current", "step"); else item.firstChild.removeAttribute("aria-current");
    });
    const item = byId("steps").children[n];
    byId("steps").scrollTop = Math.max(0, item.offsetTop - byId("steps").clientHeight / 2);
    this.#picture(frame);
    this.#texts();
    this.#buttons();
    this.marked(frame);
  }

  #picture(frame) {
    const svg = document.importNode(new DOMParser().parseFromString(frame.svg, "image/svg+xml").documentElement, true);
    const old = byId("picture").firstElementChild;
    const paths = (of) => of ? [...of.querySelectorAll(".onvalue, .onfailure")].map((path) => path.getAttribute("d")) : [];
    const before = new Set(paths(old));
    for (const path of svg.querySelectorAll(".onvalue, .onfailure")) {
      if (old && !before.has(path.getAttribute("d"))) path.classList.add("fresh");
    }
    if (frame.chain !== null) {
      svg.querySelectorAll(`[data-chain="${frame.chain}"]`).forEach((e) => e.classList.add("now"));
      if (frame.stage !== null) svg.querySelectorAll(`[data-stage="${frame.chain}-${frame.stage}"]`).forEach((e) => e.classList.add("now"));
    }
    svg.setAttribute("aria-label", frame.words);
    svg.classList.toggle("wide", Number(svg.getAttribute("width")) > 600);   // Deferreds beside the chain: rather scroll
    byId("picture").replaceChildren(svg);
    const now = svg.querySelector("[data-stage].now");
    if (now) {
      const there = now.getBoundingClientRect();
      const frameBox = byId("picture").getBoundingClientRect();
      if (there.bottom > frameBox.bottom || there.top < frameBox.top) byId("picture").scrollTop += there.top - frameBox.top - frameBox.height / 2;
      if (there.right > frameBox.right || there.left < frameBox.left) byId("picture").scrollLeft += there.left - frameBox.left - 30;
    }
  }

  #texts() {
    const seen = this.frames.slice(0, this.at + 1);
    const printed = seen.flatMap((frame) => frame.printed);
    byId("said").textContent = printed.join("\n");
    byId("said-part").hidden = printed.length === 0;
    const traceback = seen.map((frame) => frame.traceback).filter(Boolean).pop() ?? "";
    byId("traceback").textContent = traceback;
    byId("traceback-part").hidden = traceback === "";
  }

  #buttons() {
    const last = this.frames.length - 1;
    byId("at").max = Math.max(0, last);
    byId("at").value = Math.max(0, this.at);
    byId("at").disabled = last < 1;
    byId("first").disabled = byId("back").disabled = this.at < 1;
    byId("on").disabled = byId("last").disabled = this.at >= last;
    if (this.at >= 0) byId("where").textContent = `${this.at + 1} of ${this.frames.length}`;
  }
}
