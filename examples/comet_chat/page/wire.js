// The wire to the server: a long poll that is asked again as soon as it was answered, for as long as the page lives.
//
//   GET /wait?since=<room>-<id>&who=<version>&user=<name>&timeout=<s>
//
// The server holds the question until there is an answer, or until `timeout` has passed. When the line breaks we pause,
// longer each time, and ask again from where we were: nothing that the server still has is lost.

const longestWait = 25;      // seconds the server may take its time
const patience = 40;         // seconds after which silence means that the line is dead
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
  }

  /** Begins to ask in the name of `user`; a question that is under way for another name is dropped. */
  start(user) {
    this.user = user;
    this.abort?.abort();
    this.#run(++this.round);
  }

  /** There is reason to believe that the line is dead: what is being asked is asked anew. */
  check() {
    this.abort?.abort();
  }

  /** Ends a pause at once: there is reason to believe that the server is back. */
  tryNow() {
    this.wake?.();
  }

  async #run(round) {
    let failures = 0;
    let holdBack = false;  // the first question wants an answer at once: it tells that the line works
    while (round === this.round) {
      try {
        const news = await this.#ask(holdBack ? longestWait : 0);
        if (round !== this.round) return;
        failures = 0;
        holdBack = true;
        this.since = `${news.room}-${news.last}`;
        this.who = news.who.version;
        this.answered(news);
      } catch (error) {
        if (round !== this.round) return;
        if (!(error instanceof TypeError || error instanceof DOMException)) console.error(error);
        const pause = Math.min(longestPause, firstPause * 2 ** failures++) * (0.75 + Math.random() / 2);
        holdBack = false;
        this.broken(pause);
        await this.#pause(pause);
      }
    }
  }

  async #ask(timeout) {
    const query = new URLSearchParams({ since: this.since, who: this.who, timeout });
    if (this.user) query.set("user", this.user);
    this.abort = new AbortController();
    const alarm = setTimeout(() => this.abort.abort(), (timeout + patience - longestWait) * 1000);
    try {
      const answer = await fetch(`/wait?${query}`, { cache: "no-store", signal: this.abort.signal });
      if (!answer.ok) throw new TypeError(`the server answered ${answer.status}`);
      return await answer.json();
    } finally {
      clearTimeout(alarm);
    }
  }

  #pause(seconds) {
    return new Promise((resolve) => {
      const alarm = setTimeout(resolve, seconds * 1000);
      this.wake = () => { clearTimeout(alarm); resolve(); };
    });
  }
}
