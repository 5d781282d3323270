// The customer's page: log, composer, quick replies, and one field for what must not be in the log.
// Words come from the server (data/page/labels.yml); every text is set as text, never as HTML.

const API = "/Webhook/api";
const page = document.body.dataset;
const allWords = JSON.parse(document.getElementById("words").content.textContent);
const log = document.getElementById("log");
const status = document.getElementById("status");
const composer = document.getElementById("composer");
const composerText = document.getElementById("composer-text");
const field = document.getElementById("field");
const fieldValue = document.getElementById("field-value");

let link = window.arrivedBy; // of a notice; taken from the address by arrival.js
let language = page.language;
let lastSeq = 0;
let ask = null;
let clock = null;
let stream = null;
const items = new Map(); // client id -> list item of a message on its way or failed
const word = (key) => allWords[language][key];

// --- words -----------------------------------------------------------------------------------

function setLanguage(next) {
  if (!allWords[next]) return;
  language = next;
  document.documentElement.lang = { "zh-Hant": `zh-Hant-${page.jurisdiction}`, "zh-Hans": "zh-Hans-CN", en: "en" }[next];
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = word(element.dataset.word);
  for (const element of document.querySelectorAll("[data-word-label]")) element.setAttribute("aria-label", word(element.dataset.wordLabel));
  for (const element of document.querySelectorAll("[data-word-placeholder]")) element.placeholder = word(element.dataset.wordPlaceholder);
  document.title = `${word("institution")} ${word("title")}`;
  for (const button of document.querySelectorAll(".languages button")) button.setAttribute("aria-pressed", String(button.dataset.language === next));
  if (ask) openField(ask);
}

// --- the log ---------------------------------------------------------------------------------

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function listItem(from, text, messageLanguage) {
  const item = element("li", `message ${from}`);
  if (messageLanguage) item.lang = messageLanguage === "zh-Hant" ? `zh-Hant-${page.jurisdiction}` : messageLanguage === "zh-Hans" ? "zh-Hans-CN" : "en";
  item.append(element("span", "from", from === "customer" ? word("you") : word("bot")), element("p", "text", text));
  return item;
}

function show(message) {
  if (message.seq && message.seq <= lastSeq) return;
  if (message.seq) lastSeq = message.seq;
  if (message.from === "customer" && items.has(message.id)) {
    const item = items.get(message.id);
    item.querySelector(".text").textContent = message.text;
    if (message.state === "answered") items.delete(message.id);
    return;
  }
  const item = listItem(message.from, message.text, message.language);
  if (message.source) item.append(element("p", "source", message.source));
  if (message.buttons.length) item.append(choices(message.buttons));
  log.append(item);
  if (message.from === "customer") {
    if (message.state === "failed") failed(item, word("not_answered"), null);
  } else {
    if (message.language && message.language !== language) setLanguage(message.language);
    openField(message.ask || null);
  }
  newest(item);
}

// The newest message in full view; the beginning of one that is too long for it.
function newest(item) {
  const main = document.querySelector("main");
  const fits = item.offsetHeight < main.clientHeight;
  main.scrollTop = fits ? main.scrollHeight : item.offsetTop - main.offsetTop - 8;
}

function choices(buttons) {
  const list = element("ul", "choices");
  for (const { title, button } of buttons) {
    const choice = element("button", "", title);
    choice.type = "button";
    choice.addEventListener("click", () => send("messages", { button }, title));
    const item = element("li");
    item.append(choice);
    list.append(item);
  }
  return list;
}

function failed(item, text, again) {
  item.querySelector(".error")?.remove();
  if (!text) return;
  const note = element("p", "error", text + " ");
  note.setAttribute("role", "alert");
  if (again) note.append(againButton(again));
  item.append(note);
  newest(item);
}

function againButton(again) {
  const button = element("button", "", word("retry"));
  button.type = "button";
  button.addEventListener("click", again);
  return button;
}

// --- sending ---------------------------------------------------------------------------------

async function call(path, body) {
  const answer = await fetch(`${API}/${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    credentials: "same-origin",
  });
  const content = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(content.error.code), { problem: content.error });
  return content;
}

async function send(path, content, shownAs) {
  const id = crypto.randomUUID();
  const item = listItem("customer", shownAs, language);
  items.set(id, item);
  log.append(item);
  newest(item);
  await attempt(path, { id, ...content }, item);
}

async function attempt(path, body, item) {
  failed(item, null, null);
  const thinking = setTimeout(() => { status.textContent = word("waiting"); }, 400);
  try {
    const { messages } = await call(path, body);
    await catchUp();
    for (const message of messages) show(message);
    items.delete(body.id);
  } catch (error) {
    const text = error.problem ? error.problem.message : word("offline");
    const final = ["button_void", "too_long", "bad_request", "other_content", "link_no_secrets"].includes(error.problem?.code);
    if (error.problem?.code === "database_down" && body.text && !composerText.value) composerText.value = body.text;
    failed(item, text, final ? null : () => attempt(path, body, item));
  } finally {
    clearTimeout(thinking);
    status.textContent = "";
  }
}

// What the stream has not brought yet, in order: the customer's own message comes before its answer.
async function catchUp() {
  const answer = await fetch(`${API}/messages?after=${lastSeq}`, { credentials: "same-origin" });
  if (answer.ok) for (const message of (await answer.json()).messages) show(message);
}

composer.addEventListener("submit", (event) => {
  event.preventDefault();
  const text = composerText.value.trim();
  if (!text) return;
  composerText.value = "";
  send("messages", { text }, text);
});

composerText.addEventListener("keydown", (event) => {
  // 229: the Enter that ends a composition of an input method (Safari sends it after compositionend).
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
  event.preventDefault();
  composer.requestSubmit();
});

// --- the field -------------------------------------------------------------------------------

const FIELDS = {
  code: { inputmode: "numeric", autocomplete: "one-time-code" },
  account: { inputmode: "text", autocomplete: "off" },
  birth_date: { inputmode: "text", autocomplete: "bday" },
  contact: { inputmode: "text", autocomplete: "tel" },
};

function openField(next) {
  const wanted = next && FIELDS[next.kind] ? next : null;
  const changed = (wanted?.kind ?? null) !== (ask?.kind ?? null);
  ask = wanted;
  clearInterval(clock);
  field.hidden = !wanted;
  if (!wanted) return;
  field.querySelector("label").textContent = word(wanted.kind);
  document.getElementById("field-hint").textContent = wanted.sent_to ? `${word("sent_to")} ${wanted.sent_to}` : word("private");
  for (const [name, value] of Object.entries(FIELDS[wanted.kind])) fieldValue.setAttribute(name, value);
  fieldValue.className = wanted.kind;
  if (changed) fieldValue.value = "";
  document.getElementById("field-clock").textContent = "";
  if (wanted.expires_at) {
    tick();
    clock = setInterval(tick, 1000);
  }
  if (changed && document.activeElement !== composerText) fieldValue.focus({ preventScroll: true });
}

function tick() {
  const left = Math.ceil((new Date(ask.expires_at) - Date.now()) / 1000);
  const wait = Math.ceil((new Date(ask.resend_at) - Date.now()) / 1000);
  const parts = [left > 0 ? `${word("valid_for")} ${minutes(left)}` : word("expired")];
  if (left > 0 && wait > 0) parts.push(`${word("resend_in")} ${minutes(wait)}`);
  document.getElementById("field-clock").textContent = parts.join(" · ");
  if (left <= 0) clearInterval(clock);
}

const minutes = (seconds) => `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;

field.addEventListener("submit", (event) => {
  event.preventDefault();
  const value = fieldValue.value.trim();
  if (!value || !ask) return;
  fieldValue.value = "";
  send("secrets", { kind: ask.kind, value }, word("secret_shown"));
});

// --- start -----------------------------------------------------------------------------------

function listen() {
  stream?.close();
  stream = new EventSource(`${API}/stream?after=${lastSeq}`);
  stream.addEventListener("message", (event) => show(JSON.parse(event.data)));
  // After anything but 200 (a proxy's 502) a browser gives it up for good; after an end it comes back by itself.
  const opened = stream;
  stream.addEventListener("error", () => {
    if (stream === opened && opened.readyState === EventSource.CLOSED) setTimeout(listen, 3000);
  });
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) stream?.close();
  else if (stream) { catchUp(); listen(); }
});

for (const button of document.querySelectorAll(".languages button")) {
  button.addEventListener("click", () => {
    setLanguage(button.dataset.language);
    send("messages", { language: button.dataset.language }, button.textContent);
  });
}

async function start() {
  status.textContent = word("connecting");
  try {
    if (page.goingOn === "yes" && !link) {
      await catchUp();
    } else {
      // A link says in which language; who has none is asked in the page's.
      const opened = await call("conversations", { institution: page.institution, ...(link ? { link } : { language }) });
      setLanguage(opened.language);
      for (const message of opened.messages) show(message);
      link = null;
      page.goingOn = "yes";
    }
    listen();
    status.textContent = "";
  } catch (error) {
    status.textContent = (error.problem ? error.problem.message : word("offline")) + " ";
    status.append(againButton(start)); // a reload would not know the link any more
  }
}

start();
