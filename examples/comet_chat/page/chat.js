// The page's own small program: ties the wire to the server, the outbox and the talk on the screen to each other and to
// the form in which people write.

import { Outbox } from "/outbox.js";
import { Talk, element, hue } from "/talk.js";
import { Wire } from "/wire.js";

const byId = (id) => document.getElementById(id);
const text = byId("text");
const textLimit = Number(text.dataset.limit);
const nameLimit = Number(byId("name").dataset.limit);
const length = (string) => [...string].length;   // in characters, as the server counts

const talk = new Talk();
const wire = new Wire({ answered, broken });
const outbox = new Outbox({ changed: (items) => talk.showUnsent(items), refused });

// ---- What comes from the server

let room = null;   // which room we have seen; a server that was started again has another one
let last = 0;

function answered(news) {
  setState("online", "Connected");
  byId("state").dataset.way = wire.way;
  const first = room === null;
  if (!first && news.room !== room) {
    talk.mark("The chat was started anew. What was said in between may be lost.", true);
    last = 0;
    outbox.roomStartedAnew();
  } else if (news.missed) {
    talk.mark(first ? "Older messages are not kept." : "Some messages were lost while you were away.", true);
  }
  room = news.room;
  const fresh = news.messages.filter((message) => message.id > last);
  for (const message of fresh) message.mine = outbox.wrote(message.key);
  talk.add(fresh, !first);
  for (const message of fresh) if (message.mine) outbox.seen(message.key);
  last = Math.max(last, news.last);
  showPeople(news.who);
  outbox.flush();
}

let countdown;
function broken(seconds) {
  const until = Date.now() + seconds * 1000;
  const show = () => {
    const left = Math.ceil((until - Date.now()) / 1000);
    byId("countdown").textContent = left > 1 ? `Trying again in ${left} seconds.` : "Trying again …";
  };
  setState("offline", "Offline");
  byId("offline-text").textContent = navigator.onLine ? "The server can't be reached." : "You are offline.";
  show();
  countdown = setInterval(show, 1000);
}

function setState(state, word) {
  clearInterval(countdown);
  byId("offline").hidden = state !== "offline";
  byId("people").classList.toggle("stale", state !== "online");  // who was here when it was last heard
  if (byId("state").dataset.state === state) return;
  byId("state").dataset.state = state;
  byId("state-text").textContent = word;
}

byId("retry").addEventListener("click", () => wire.tryNow());
addEventListener("offline", () => wire.check());
addEventListener("online", () => wire.tryNow());
document.addEventListener("visibilitychange", () => document.hidden || wire.tryNow());

// ---- Who is here

function showPeople(who) {
  byId("people-count").textContent = who.count;
  const items = who.names.map((name) => {
    const item = element("li", {}, element("span", { dir: "auto", title: name }, name));
    item.style.setProperty("--hue", hue(name));
    if (name === user) item.append(element("small", {}, "you"));
    return item;
  });
  byId("people-list").replaceChildren(...items);
  byId("people-more").hidden = who.count <= who.names.length;
  byId("people-more").textContent = `and ${who.count - who.names.length} more`;
}

function openPeople(open) {
  byId("people").classList.toggle("open", open);
  byId("people-button").setAttribute("aria-expanded", open);
}
byId("people-button").addEventListener("click", () => openPeople(!byId("people").classList.contains("open")));
addEventListener("keydown", (event) => event.key === "Escape" && openPeople(false));
byId("said").addEventListener("click", () => openPeople(false));

// ---- The name. Each tab has its own; a new tab proposes the last one used.

let user = sessionStorage.getItem("name") ?? "";

function askName() {
  byId("name").value = user || (localStorage.getItem("name") ?? "");
  byId("name-trouble").textContent = "";
  byId("name-send").textContent = user ? "Change name" : "Join the chat";
  byId("name-cancel").hidden = !user;
  byId("name-dialog").showModal();
  byId("name").select();
}

byId("name-form").addEventListener("submit", (event) => {
  const name = byId("name").value.trim().replace(/\s+/gu, " ");
  let trouble = "";
  if (name === "") trouble = "Please write a name.";
  if (length(name) > nameLimit) trouble = `Please, at most ${nameLimit} characters.`;
  byId("name-trouble").textContent = trouble;
  if (trouble) return event.preventDefault();
  user = name;
  sessionStorage.setItem("name", user);
  localStorage.setItem("name", user);
  join();
});
byId("name-dialog").addEventListener("cancel", (event) => user || event.preventDefault());
byId("name-dialog").addEventListener("close", () => user ? text.focus() : askName());
byId("name-cancel").addEventListener("click", () => byId("name-dialog").close());
byId("name-button").addEventListener("click", askName);

function join() {
  byId("name-shown").textContent = user || "…";
  wire.start(user);
}

// ---- Writing

function written() {
  const left = textLimit - length(text.value);
  byId("send").disabled = text.value.trim() === "" || left < 0;
  let remaining = left <= textLimit / 10 ? `${left} characters left` : "";
  if (left < 0) remaining = `${-left} characters too many`;
  byId("remaining").textContent = remaining;
  byId("remaining").classList.toggle("over", left < 0);
  byId("refused").textContent = "";
  text.style.height = "auto";
  text.style.height = `${text.scrollHeight + 2}px`;
}

byId("compose").addEventListener("submit", (event) => {
  event.preventDefault();
  if (byId("send").disabled) return;
  if (!user) return askName();
  const words = text.value.trim();
  text.value = "";
  written();
  outbox.add(user, words);
  text.focus();
});
text.addEventListener("input", written);
text.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  byId("compose").requestSubmit();
});

/** The server will not take this message: its words go back to where they can be mended. */
function refused(item, sentence) {
  text.value = text.value ? `${item.text}\n${text.value}` : item.text;
  written();
  byId("refused").textContent = sentence;
}

talk.showUnsent(outbox.items);
join();
written();
if (user) text.focus(); else askName();
