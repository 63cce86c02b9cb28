// The page: shows what the loop says and sends what the person does.
import {collect, keyboard, sticks} from "./sticks.js";

const $ = id => document.getElementById(id);
const rows = [];
let socket = null, me = null, state = {}, noteTimer = null, heartbeat = 20, mode = false,
  stoppedAt = 0;

if (location.search.includes("token=")) history.replaceState(null, "", location.pathname);

function connect() {
  socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`);
  socket.onmessage = event => {
    const said = JSON.parse(event.data);
    if (said.you) me = said.you;
    else if (said.note) note(said.note);
    else { state = said; show(); }
  };
  socket.onclose = () => {
    text("status", "no connection: the robot drives alone", true);
    handBack();
    setTimeout(connect, 1000);
  };
}

function send(value) {
  if (socket.readyState === WebSocket.OPEN && socket.bufferedAmount < 4096)
    socket.send(JSON.stringify(value));
}
const command = (name, argument = null) => send({command: name, argument});

// ---- what the person does
function beat() {
  const {axes, buttons, gamepad} = collect(pressed);
  rows.forEach((row, d) => {
    const x = Number(row.slider.value);
    if (row.latched ? row.mine.checked || row.pulled : x !== row.rest) axes[`dim${d}`] = x;
    if (row.mine.checked) buttons.push(`mine${d}`);
  });
  if (mode) { buttons.push("mode"); mode = false; }
  const busy = Object.keys(axes).length + buttons.length > 0;
  if (state.driver === me || (state.driver == null && busy)) send({axes, buttons});
  text("gamepad", gamepad ? `gamepad: ${gamepad}` : "no gamepad: press a button on one");
  setTimeout(beat, heartbeat);
}

function pressed(button) {
  const act = {b: stop, right_stick: press.release, start: press.pause, back: press.reset,
    x: press.undo, a: press.success, y: press.mode}[button];
  if (act) act();
}
// Who presses STOP twice in fright must not release the robot: that takes a while to be offered.
const releases = () => state.stopped && performance.now() - stoppedAt > 800;
const stop = () => command(releases() ? "release" : "estop");
function handBack() { for (const row of rows) { row.mine.checked = false; rest(row); } }
function rest(row) { row.pulled = false; row.slider.value = row.rest; }

// ---- what the loop says
function show() {
  if (rows.length === 0) build();
  heartbeat = state.heartbeat;
  if (!state.stopped) stoppedAt = performance.now();
  const {given, values, filled, action, spread, low, high} = state;
  rows.forEach((row, d) => {
    if (row.latched) {  // a position target stays where it is: so does its slider
      row.rest = state.rest[d];
      if (!row.mine.checked && !row.pulled) row.slider.value = row.rest;
    }
    if (!given) return;
    const at = x => `${100 * (x - low[d]) / (high[d] - low[d])}%`;
    row.tr.className = (given[d] ? "you" : "robot") + (state.moving[d] ? " moving" : "");
    row.who.textContent = given[d] ? "you" : "robot";
    row.sent.textContent = action[d].toFixed(2);
    row.given.style.left = at(values[d]); row.given.hidden = !given[d];
    row.filled.style.left = at(filled[d]); row.filled.hidden = given[d];
    const s = spread && !given[d] ? spread[d] : 0;
    row.spread.style.left = at(Math.max(low[d], filled[d] - s));
    row.spread.style.right = `${100 - parseFloat(at(Math.min(high[d], filled[d] + s)))}%`;
    row.spread.hidden = s === 0;
    row.bar.title = given[d] ? `given ${values[d]}` : `filled in ${filled[d]} ± ${s}`;
  });
  const silent = state.driver === me && state.status && state.status !== "live";
  text("status", state.stopped ? "STOPPED: press RELEASE or F4 to go on" : state.paused ? "paused" :
    silent ? `your device is ${state.status}: the robot has its dimensions` :
    (given?.some(Boolean) ? "you drive" : "the robot drives") +
    (state.intent ? `, towards: ${state.intent}` : ""), state.stopped || silent);
  text("progress", `episode ${state.episode} · ${(state.step / state.rate).toFixed(1)} s · ` +
    `reward ${state.reward}` + (state.episodes == null ? "" : ` · ${state.episodes} recorded`));
  text("likelihood", state.log_prob == null ? "" :
    `log-likelihood of your commands ${state.log_prob.toFixed(1)} nats` +
    (state.unlikely ? ": the model finds them very unlikely" : ""), state.unlikely);
  text("timing", `late ${state.late[0].toFixed(1)} ms (p99 ${state.late[1].toFixed(1)}) · ` +
    `${state.overruns} overruns` +
    (state.latency == null ? "" : ` · your command to the robot in ${state.latency.toFixed(1)} ms`));
  $("estop").textContent = releases() ? "RELEASE" : state.stopped ? "STOPPED" : "STOP";
  $("estop").classList.toggle("on", state.stopped);
  text("mode", state.mode ? `Mode: ${state.mode}` : "Mode");
  const does = state.sticks[state.mode ?? ""] ?? ["", ""];
  $("left").dataset.does = does[0]; $("right").dataset.does = does[1];
  $("pause").textContent = state.paused ? "Start" : "Pause";
  $("record").textContent = state.recording ? "Recording" : "Record";
  $("record").classList.toggle("on", state.recording);
  $("record").disabled = state.episodes == null;
  $("wheel").hidden = state.driver == null || state.driver === me;
  [...$("tasks").children].forEach(li =>
    li.classList.toggle("done", state.done.includes(li.textContent)));
  if ($("policy") !== document.activeElement) $("policy").value = state.policy;
}

function build() {
  document.body.classList.toggle("no-view", !state.view);
  document.body.classList.toggle("no-hand", !state.hand);  // whose hand the sticks move
  document.body.classList.toggle("no-grip", !state.grips);
  document.body.classList.toggle("no-sticks", Object.keys(state.sticks).length === 0);
  document.body.classList.toggle("no-modes", Object.keys(state.sticks).length < 2);
  state.names.forEach((name, d) => {
    const tr = $("dims").insertRow();
    const low = state.low[d], high = state.high[d], step = (high - low) / 200;
    const still = Math.min(Math.max(0, low), high), snaps = ((still - low) / step) % 1 === 0;
    tr.innerHTML = `<td></td><td><input type="checkbox" id="mine${d}"></td><td class="who"></td>
      <td class="drive"><input type="range" id="dim${d}" min="${low}" max="${high}"
        step="${snaps ? step : "any"}" value="${still}"><div class="bar"><i class="spread"></i>
        <i class="robot"></i><i class="you"></i></div></td><td class="sent" id="sent${d}"></td>`;
    const find = query => tr.querySelector(query);
    tr.cells[0].textContent = `${d} ${name}`;
    const row = {tr, latched: state.latched[d], pulled: false, mine: find("[type=checkbox]"), slider: find("[type=range]"),
      who: find(".who"), bar: find(".bar"), given: find("i.you"), filled: find("i.robot"),
      spread: find(".spread"), sent: find(".sent")};
    row.rest = Number(row.slider.value);
    row.slider.addEventListener("input", () => { row.pulled = true; });
    // A slider that is not mine for good springs back when it is let go.
    row.slider.addEventListener("change", () => { if (!row.mine.checked) rest(row); });
    row.slider.addEventListener("dblclick", () => rest(row));
    row.mine.addEventListener("change", () => { if (!row.mine.checked) rest(row); });
    rows.push(row);
  });
  for (const task of state.tasks) {
    const li = document.createElement("li");
    li.textContent = task;
    $("tasks").append(li);
  }
  state.policies.forEach((path, i) =>
    $("policy").add(new Option(path.split("/").slice(-2).join("/"), i)));
  if (!state.policies.length) $("policy").add(new Option("no policy: stands still", 0));
}

function text(id, value, bad = false) {
  if ($(id).textContent !== value) $(id).textContent = value;
  $(id).classList.toggle("bad", Boolean(bad));
}
function note(value) {
  $("note").textContent = value; $("note").hidden = false;
  clearTimeout(noteTimer);
  noteTimer = setTimeout(() => { $("note").hidden = true; }, 6000);
}

const press = {
  estop: stop, release: () => command("release"), pause: () => command("pause"),
  reset: () => command("reset"), undo: () => command("undo", 2),
  success: () => command("success"), record: () => command("record"), handback: handBack,
  mode: () => { mode = true; }, wheel: () => command("wheel"),
};
for (const [id, act] of Object.entries(press))
  $(id)?.addEventListener("click", event => { event.currentTarget.blur(); act(); });
$("policy").addEventListener("change", event => {
  command("policy", Number(event.target.value)); event.target.blur();
});
// The 3D view takes the keys when it is clicked: bring them back.
addEventListener("blur", () => setTimeout(() => {
  if (document.activeElement === $("view")) { $("view").blur(); window.focus(); }
}));
window.cockpit = {get state() { return state; }};  // for tests and tinkering
sticks();
keyboard({Escape: stop, F4: press.release, p: press.pause, Backspace: press.reset,
  z: press.undo, Enter: press.success, F2: press.record, 0: handBack, Tab: press.mode}, $("view"));
connect();
beat();
