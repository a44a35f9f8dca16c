// What was written and has not been seen in the room yet. It outlives a reload of the page, and each message has a key
// of its own: if an answer was lost and we send again, the server knows the key and does not say the message twice.

const patience = 15;   // seconds for one attempt
const pause = 2;       // seconds before the next attempt when the server could be reached but did not take the message

export class Outbox {
  /** changed(items) after every change; refused(item, sentence) when the server will never take an item. */
  constructor({ changed, refused }) {
    this.changed = changed;
    this.refused = refused;
    this.items = JSON.parse(sessionStorage.getItem("unsent") ?? "[]");
    this.keys = new Set(JSON.parse(sessionStorage.getItem("keys") ?? "[]"));
    this.sending = false;
  }

  add(user, text) {
    const key = newKey();
    this.items.push({ key, user, text });
    this.keys = new Set([...this.keys, key].slice(-300));
    this.#save();
    this.flush();
  }

  /** True if this page has written the message with this key. */
  wrote(key) {
    return this.keys.has(key);
  }

  /** The message with this key was seen in the room. */
  seen(key) {
    const before = this.items.length;
    this.items = this.items.filter((item) => item.key !== key);
    if (this.items.length !== before) this.#save();
  }

  /** The room was started anew: what was sent to the old one, but never seen there, is sent again. */
  roomStartedAnew() {
    for (const item of this.items) item.sent = false;
  }

  /** Sends all that waits, one after the other, in the order in which it was written. */
  async flush() {
    if (this.sending) return;
    this.sending = true;
    try {
      let item;
      while ((item = this.items.find((candidate) => !candidate.sent))) await this.#send(item);
    } catch {
      // No line. Whoever sees the server again calls flush() again.
    } finally {
      this.sending = false;
    }
  }

  async #send(item) {
    const answer = await fetch("/put", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ user: item.user, text: item.text, key: item.key }),
      signal: AbortSignal.timeout(patience * 1000),
    });
    if (answer.ok) {
      item.sent = true;  // it stays in the list until the room shows it, so that it is on the screen all the time
    } else if (answer.status >= 400 && answer.status < 500 && answer.status !== 429) {
      const sentence = (await answer.text()).trim();
      this.seen(item.key);
      this.refused(item, sentence || `The server answered ${answer.status}.`);
    } else {
      await new Promise((resolve) => setTimeout(resolve, pause * 1000));
    }
  }

  #save() {
    sessionStorage.setItem("unsent", JSON.stringify(this.items));
    sessionStorage.setItem("keys", JSON.stringify([...this.keys]));
    this.changed(this.items);
  }
}

// crypto.randomUUID exists only on https and localhost, and a chat at home is often neither.
function newKey() {
  return [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
