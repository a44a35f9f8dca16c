// What the eye sees of the talk: messages, the marks between them, and where the page is scrolled to. Whatever people
// wrote reaches the page as text nodes only, so it is shown, never run.

const kept = 1000;                   // messages on the page; older ones are taken off
const sameBreath = 5 * 60 * 1000;    // ms within which messages of one person stand together
const nearTheEnd = 80;               // px

const byId = (id) => document.getElementById(id);
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });

/** An element with attributes and children; strings become text. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** Each name has a colour of its own, the same on every screen. */
export function hue(name) {
  let sum = 7;
  for (const letter of name) sum = (sum * 31 + letter.codePointAt(0)) % 3600;
  return (sum * 47) % 360;
}

export class Talk {
  constructor() {
    this.said = byId("said");
    this.log = byId("log");
    this.latest = byId("latest");
    this.previous = null;
    this.unread = 0;
    this.title = document.title;
    this.said.addEventListener("scroll", () => this.#atEnd() && this.#allRead(), { passive: true });
    this.latest.addEventListener("click", () => this.toEnd());
    document.addEventListener("visibilitychange", () => this.#atEnd() && this.#allRead());
    new ResizeObserver(() => this.follows && this.toEnd()).observe(this.said);
    this.follows = true;
  }

  /** Shows messages {user, text, time, mine}, oldest first. `news`: false when they were said before we came. */
  add(messages, news) {
    if (messages.length === 0) return;
    const stay = this.#atEnd() || messages.some((message) => message.mine);
    for (const message of messages) this.#append(message);
    while (this.log.children.length > kept) this.log.firstElementChild.remove();
    byId("empty").hidden = true;
    if (news && (!stay || document.hidden)) this.#tellUnread(messages.filter((message) => !message.mine).length);
    if (stay) this.toEnd();
  }

  /** A line between messages; `gap` says that something is missing there. */
  mark(sentence, gap = false) {
    const stay = this.#atEnd();
    this.log.append(element("li", { class: gap ? "mark gap" : "mark" }, element("span", {}, sentence)));
    this.previous = null;
    if (stay) this.toEnd();
  }

  /** Shows what waits to be sent, below everything else. */
  showUnsent(items) {
    const stay = this.#atEnd();
    const shown = items.map(({ text }) =>
      element("li", { class: "message mine again" }, element("p", { class: "text" }, text)));
    shown.at(-1)?.append(element("small", { class: "waits" }, "waiting to be sent"));
    byId("unsent").replaceChildren(...shown);
    if (shown.length > 0) byId("empty").hidden = true;
    if (stay || shown.length > 0) this.toEnd();
  }

  toEnd() {
    this.said.scrollTop = this.said.scrollHeight;
    this.#allRead();
  }

  #append({ user, text, time, mine }) {
    const when = new Date(time);
    const before = this.previous;
    const dayBefore = (before?.when ?? new Date()).toDateString();
    if (when.toDateString() !== dayBefore) {
      this.log.append(element("li", { class: "mark" }, element("span", {}, day.format(when))));
    }
    const again = before?.user === user && before.mine === mine && when - before.when < sameBreath;
    const item = element("li", { class: `message${mine ? " mine" : ""}${again ? " again" : ""}` });
    item.style.setProperty("--hue", hue(user));
    item.append(
      element("span", { class: "face", "aria-hidden": "true" }, [...user][0].toUpperCase()),
      element("p", { class: "from" }, element("b", { dir: "auto", title: user }, mine ? "You" : user),
              element("time", { datetime: time, title: when.toLocaleString() }, clock.format(when))),
      element("p", { class: "text" }, ...withLinks(text)));
    this.log.append(item);
    this.previous = { user, mine, when };
  }

  #atEnd() {
    this.follows = this.said.scrollHeight - this.said.scrollTop - this.said.clientHeight < nearTheEnd;
    return this.follows;
  }

  #tellUnread(more) {
    this.unread += more;
    if (this.unread === 0) return;
    document.title = `(${this.unread}) ${this.title}`;
    this.latest.textContent = this.unread === 1 ? "1 new message ↓" : `${this.unread} new messages ↓`;
    this.latest.hidden = this.#atEnd();
  }

  #allRead() {
    this.latest.hidden = true;
    if (document.hidden) return;
    this.unread = 0;
    document.title = this.title;
  }
}

/** The text with web addresses made into links; only http and https, everything else stays text. */
function withLinks(text) {
  return text.split(/(https?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]])/u).map((piece, index) => {
    if (index % 2 === 0) return piece;
    return element("a", { href: piece, target: "_blank", rel: "noopener noreferrer nofollow" }, piece);
  });
}
