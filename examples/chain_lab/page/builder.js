// The left side: a chain as it is being built. What is built is a plan, the JSON that the server takes and links hold.

const deeds = {
  return: { words: "returns", fields: ["value"] },
  add: { words: "returns it plus", fields: ["value"] },
  pass: { words: "returns what it was given", fields: [] },
  nothing: { words: "has no return", fields: [] },
  print: { words: "prints what it was given", fields: [] },
  throw: { words: "throws", fields: ["message"] },
  later: { words: "returns a Deferred that fires with", fields: ["value", "after"] },
  failLater: { words: "returns a Deferred that fails with", fields: ["message", "after"] },
  fired: { words: "returns a fired Deferred of", fields: ["value"] },
  itself: { words: "returns its own Deferred", fields: [] },
  block: { words: "blocks", fields: ["after"] },
  onlyCancelled: { words: "takes CancelledError, and returns", fields: ["value"] },
};
const allowed = {
  f: ["return", "add", "pass", "nothing", "print", "throw", "later", "failLater", "fired", "itself", "block"],
  g: ["return", "pass", "nothing", "print", "throw", "later", "failLater", "fired", "onlyCancelled"],
  both: ["pass", "return", "nothing", "throw", "later", "failLater", "fired"],
};
const starts = { value: "callback: a value", failure: "errback: a failure", nobody: "nobody fires it", you: "you, by hand" };
const names = { callback: "addCallback", errback: "addErrback", callbacks: "addCallbacks", both: "addBoth" };
export const mostStages = 12;

const fresh = {
  callback: () => ({ add: "callback", f: { do: "add", value: 1 } }),
  errback: () => ({ add: "errback", g: { do: "return", value: 0 } }),
  callbacks: () => ({ add: "callbacks", f: { do: "pass" }, g: { do: "return", value: 0 } }),
  both: () => ({ add: "both", f: { do: "pass" } }),
};

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name in made && name !== "list") made[name] = value; else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

/** 42 is a number, an empty field is nothing, "42" in quotes and everything else is a text. */
const valueOf = (text) => /^\s*-?\d{1,9}\s*$/.test(text) ? Number(text) : text === "" ? null : text.replace(/^"(.*)"$/, "$1");
const textOf = (value) => typeof value === "string" && /^\s*-?\d{1,9}\s*$|^$/.test(value) ? `"${value}"` : value ?? "";

export class Builder {
  constructor({ stages, start, changed }) {
    this.stages = stages;
    this.start = start;
    this.changed = changed;
    this.plan = { stages: [fresh.callback()], start: { with: "value", value: 41 } };
  }

  show(plan) {
    this.plan = structuredClone(plan);
    this.draw();
  }

  add(kind) {
    if (this.plan.stages.length >= mostStages) return;
    this.plan.stages.push(fresh[kind]());
    this.draw();
    this.stages.lastElementChild.querySelector("select").focus();
    this.changed();
  }

  /** Which stage the server complains about; -1 for none. */
  blame(stage) {
    [...this.stages.children].forEach((item, i) => item.classList.toggle("wrong", i === stage));
  }

  /** Which stage runs now. */
  mark(stage, failed) {
    [...this.stages.children].forEach((item, i) => {
      item.classList.toggle("now", i === stage);
      item.classList.toggle("failed", i === stage && failed);
    });
  }

  draw() {
    this.stages.replaceChildren(...this.plan.stages.map((stage, i) => this.#stage(stage, i)));
    this.start.replaceChildren(...this.#start(this.plan.start));
  }

  #redraw(focus) {
    this.draw();
    if (focus) document.getElementById(focus)?.focus();
    this.changed();
  }

  #stage(stage, i) {
    const move = (by) => () => {
      const [taken] = this.plan.stages.splice(i, 1);
      this.plan.stages.splice(i + by, 0, taken);
      this.#redraw(`stage${i + by}-${by < 0 ? "up" : "down"}`);
    };
    const button = (name, label, act, off) =>
      element("button", { type: "button", id: `stage${i}-${name}`, ariaLabel: `${label} stage ${i + 1}`, title: label, disabled: off,
                          className: "small", onclick: act }, { up: "↑", down: "↓", remove: "×" }[name]);
    const kind = element("select", { id: `stage${i}-add`, ariaLabel: `Kind of stage ${i + 1}` },
      ...Object.entries(names).map(([value, text]) => element("option", { value, selected: value === stage.add }, text)));
    kind.onchange = () => {
      const other = fresh[kind.value]();
      for (const side of ["f", "g"]) if (stage[side] && other[side] && kind.value !== "both" && stage.add !== "both") other[side] = stage[side];
      this.plan.stages[i] = other;
      this.#redraw(`stage${i}-add`);
    };
    const item = element("li", { className: "card" },
      element("div", { className: "title" }, element("b", {}, String(i + 1)), kind,
        button("up", "Move up", move(-1), i === 0), button("down", "Move down", move(1), i === this.plan.stages.length - 1),
        button("remove", "Remove", () => { this.plan.stages.splice(i, 1); this.#redraw("run"); }, this.plan.stages.length === 1)));
    if (stage.f) item.append(this.#function(stage, "f", stage.add === "both" ? "both" : "f", i));
    if (stage.g) item.append(this.#function(stage, "g", "g", i));
    return item;
  }

  #function(stage, side, kind, i) {
    const it = stage[side];
    const id = `stage${i}-${side}`;
    const what = { f: "callback", g: "errback", both: "function" }[kind];
    const choice = element("select", { id: `${id}-do`, ariaLabel: `What the ${what} of stage ${i + 1} does` },
      ...allowed[kind].map((deed) => element("option", { value: deed, selected: deed === it.do }, deeds[deed].words)));
    choice.onchange = () => {
      it.do = choice.value;
      if (deeds[it.do].fields.includes("value") && it.value === undefined) it.value = it.do === "add" ? 1 : 0;
      if (deeds[it.do].fields.includes("message")) it.message ||= "it failed";
      if (deeds[it.do].fields.includes("after")) it.after = it.do === "block" ? 200 : it.after || 800;
      this.#redraw(`${id}-do`);
    };
    const row = element("div", { className: `function ${kind}` }, element("span", { className: "side" }, what), choice);
    for (const field of deeds[it.do].fields) row.append(...this.#field(it, field, `${id}-${field}`, `${what} of stage ${i + 1}`));
    row.append(...this.#field(it, "say", `${id}-say`, `${what} of stage ${i + 1}`));
    return row;
  }

  #field(it, field, id, whose) {
    const input = element("input", { id, size: 10, ariaLabel: `${field} (${whose})`, autocomplete: "off", spellcheck: false });
    if (field === "value") {
      input.value = textOf(it.value);
      input.placeholder = "nothing";
      input.title = "a number, a text, or empty for nothing";
      input.oninput = () => { it.value = valueOf(input.value); this.changed(); };
    } else if (field === "after" || field === "cancel") {
      Object.assign(input, { type: "number", min: 0, max: 5000, step: 100, value: it[field] ?? "" });
      if (field === "cancel") input.placeholder = "never";
      input.oninput = () => { it[field] = input.value === "" ? null : Number(input.value); this.changed(); };
      return [element("span", { className: "after" }, field === "cancel" ? "cancelled after " : it.do === "block" ? "for " : "after ", input, " ms")];
    } else {
      input.value = it[field] ?? "";
      input.maxLength = 60;
      if (field === "say") {
        input.placeholder = "prints first";
        input.className = "say";
      }
      input.oninput = () => { it[field] = input.value; if (!it[field]) delete it[field]; this.changed(); };
    }
    return [input];
  }

  #start(it) {
    const who = element("select", { id: "start-with", ariaLabel: "Who fires it" },
      ...Object.entries(starts).map(([value, text]) => element("option", { value, selected: value === it.with }, text)));
    who.onchange = () => {
      it.with = who.value;
      if (it.with === "failure") it.message ||= "it failed";
      this.#redraw("start-with");
    };
    const row = element("div", { className: "function" }, element("span", { className: "side" }, "fired by"), who);
    if (it.with === "failure" || it.with === "you") row.append(...this.#field(it, "message", "start-message", "start"));
    const carries = element("span", { className: "after" }, it.with === "value" ? "with " : "a Deferred of ", ...this.#field(it, "value", "start-value", "start"));
    const more = element("div", { className: "function" }, carries);
    if (it.with === "value" || it.with === "failure") {
      more.append(...this.#field(it, "after", "start-after", "start"));
      const twice = element("input", { type: "checkbox", id: "start-twice", checked: Boolean(it.twice) });
      twice.onchange = () => { it.twice = twice.checked; this.changed(); };
      more.append(element("label", { className: "after" }, twice, " twice"));
    }
    more.append(...this.#field(this.plan, "cancel", "start-cancel", "start"));
    return [row, more];
  }
}
