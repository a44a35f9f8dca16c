// The wire to the server, as good as the way there allows:
//
//   WebSocket            /socket?since=<room>-<id>&who=<version>&user=<name>      one connection, news as they come
//   server-sent events   /events?whole=1&since=…                                  the same, over plain HTTP
//   long poll            /wait?since=…&timeout=<s>                                asked again as soon as it was answered
//
// All three bring the same answers. The best is tried first; one that does not bring a first answer (there are proxies that
// know no WebSocket, and others that hold back what has no end) gives way to the next. When the line breaks we pause,
// longer each time, and begin again from where we were: nothing that the server still has is lost.

const longestWait = 25;      // seconds without news; then the server says that there are none
const patience = 40;         // seconds after which silence means that the line is dead
const firstPatience = 5;     // seconds for the first answer by a way that may not be open
const firstPause = 0.5;      // seconds before the first new attempt; doubled with each failure ...
const longestPause = 15;     // ... up to this

export class Wire {
  /** answered(news) is called for every answer, broken(seconds) when the line broke: we try again in so many seconds. */
  constructor({ answered, broken }) {
    this.answered = answered;
    this.broken = broken;
    this.since = "0";
    this.who = 0;
    this.round = 0;
    this.way = "";   // by which the last answer came: "socket", "events" or "wait"
  }

  /** Begins to ask in the name of `user`; a question that is under way for another name is dropped. */
  start(user) {
    this.user = user;
    this.stop?.();
    this.#run(++this.round);
  }

  /** There is reason to believe that the line is dead: what is being asked is asked anew. */
  check() {
    this.stop?.();
  }

  /** Ends a pause at once: there is reason to believe that the server is back. */
  tryNow() {
    this.wake?.();
  }

  async #run(round) {
    let failures = 0;
    const take = (way) => (news) => {
      if (round !== this.round) return;
      failures = 0;
      this.way = way;
      this.since = `${news.room}-${news.last}`;
      this.who = news.who.version;
      this.answered(news);
    };
    while (round === this.round) {
      // A browser that knows itself offline may still have an old connection open that says nothing any more.
      const ways = navigator.onLine ? ["socket", "events", "wait"] : ["wait"];
      for (const way of ways) {
        this.way = "";
        try {
          await { socket: listen, events: follow, wait: ask }[way](this, take(way));
        } catch (error) {
          if (!(error instanceof TypeError || error instanceof DOMException)) console.error(error);
        }
        if (round !== this.round) return;
        if (this.way === way) break;   // it did work: the line broke, and not the way is closed
      }
      const pause = Math.min(longestPause, firstPause * 2 ** failures++) * (0.75 + Math.random() / 2);
      this.broken(pause);
      await this.#pause(pause);
    }
  }

  /** What every way asks. */
  query(more = {}) {
    const query = new URLSearchParams({ since: this.since, who: this.who, ...more });
    if (this.user) query.set("user", this.user);
    return query;
  }

  #pause(seconds) {
    return new Promise((resolve) => {
      const alarm = setTimeout(resolve, seconds * 1000);
      this.wake = () => { clearTimeout(alarm); resolve(); };
    });
  }
}

/** A promise that ends when the line does, and an alarm that ends it when nothing was heard for too long. */
function line(wire, close) {
  let end;
  let alarm;
  const ended = new Promise((resolve) => {
    end = () => { clearTimeout(alarm); close(); resolve(); };
  });
  const heard = (seconds) => { clearTimeout(alarm); alarm = setTimeout(end, seconds * 1000); };
  heard(firstPatience);
  wire.stop = end;
  return { ended, end, heard: () => heard(patience) };
}

function listen(wire, take) {
  const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/socket?${wire.query()}`);
  const { ended, end, heard } = line(wire, () => socket.close());
  socket.onmessage = (event) => { heard(); take(JSON.parse(event.data)); };
  socket.onclose = end;
  return ended;
}

function follow(wire, take) {
  const events = new EventSource(`/events?${wire.query({ whole: 1 })}`);
  const { ended, end, heard } = line(wire, () => events.close());
  events.onmessage = (event) => { heard(); take(JSON.parse(event.data)); };
  events.onerror = end;   // it would try again by itself, without our pauses
  return ended;
}

async function ask(wire, take) {
  for (let timeout = 0; ; timeout = longestWait) {   // the first question wants an answer at once: it tells that the line works
    const abort = new AbortController();
    wire.stop = () => abort.abort();
    const alarm = setTimeout(() => abort.abort(), (timeout + patience - longestWait) * 1000);
    try {
      const answer = await fetch(`/wait?${wire.query({ timeout })}`, { cache: "no-store", signal: abort.signal });
      if (!answer.ok) throw new TypeError(`the server answered ${answer.status}`);
      take(await answer.json());
    } finally {
      clearTimeout(alarm);
    }
    if (wire.way !== "wait") return;   // somebody has begun anew
  }
}
