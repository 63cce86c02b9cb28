// The page: shows what the loop says and sends what the person does.
import {agreement, banner} from "./banner.js";
import {buildDims, handBack, readDims, showDims} from "./dims.js";
import {Link} from "./link.js";
import {cover, loadScene, scene} from "./scene.js";
import {collect, keyboard, letGo, sticks} from "./sticks.js";
import {end as endTour, tour} from "./tour.js";
import {buildTrust, paintTrust} from "./trust.js";

const $ = id => document.getElementById(id);
let me = null, state = {}, heartbeat = 20, mode = false, stoppedAt = 0, stopAsked = null,
  built = false, watched = false;

if (location.search.includes("token=")) history.replaceState(null, "", location.pathname);

const link = new Link({
  me: number => { me = number; },
  note: toast,
  state: (said, back) => {
    if (state.boot && state.boot !== said.boot) { location.reload(); return; }  // another server
    state = said;
    if (!built) build();
    else if (back && state.view) loadScene();  // its connection broke as well
    paint();
  },
  lost: () => { letGoOfAll(); paint(); },
});
const command = (name, argument = null) => link.send({command: name, argument}, name === "estop");
const watching = () => state.driver != null && state.driver !== me;

// ---- what the person does
function beat() {
  const {axes, buttons, gamepad} = collect(pressed);
  readDims(axes, buttons);
  if (mode) { buttons.push("mode"); mode = false; }
  const busy = Object.keys(axes).length + buttons.length > 0;
  if (link.open && (state.driver === me || (state.driver == null && busy))) link.send({axes, buttons});
  text("gamepad", gamepad ? `gamepad: ${gamepad}` : "no gamepad: press a button on one");
  if (stopAsked != null && !state.stopped) paintBanner();
  setTimeout(beat, heartbeat);
}

function pressed(button) {
  const act = {b: stop, right_stick: press.release, start: press.pause, back: press.reset,
    x: press.undo, a: press.success, y: press.mode}[button];
  if (act) act();
}
// Who presses STOP twice in fright must not release the robot: that takes a while to be offered.
const releases = () => state.stopped && performance.now() - stoppedAt > 800;
function stop() {
  if (releases()) { command("release"); return; }
  command("estop");  // an open socket may still reach it, whatever else seems lost
  if (!link.open) {
    toast("STOP cannot reach the robot: use the stop on the robot itself", true);
    $("banner").classList.remove("shake"); void $("banner").offsetWidth;
    $("banner").classList.add("shake");
    return;
  }
  if (!state.stopped) stopAsked ??= performance.now();
  paint();
}
function letGoOfAll() { handBack(); letGo(); stopAsked = null; }

// ---- what the loop says
function paint() {
  if (!built) return;
  heartbeat = state.heartbeat;
  if (!state.stopped) stoppedAt = performance.now(); else stopAsked = null;
  if (watching() && !watched) letGoOfAll();  // what was ticked here must not come alive later
  watched = watching();
  const off = watched || link.lost;
  document.body.classList.toggle("lost", link.lost);
  document.body.classList.toggle("watching", watched);
  for (const part of document.querySelectorAll(".needs")) {
    part.disabled = off;
    part.title = link.lost ? "Connection lost" : watched ? "Another page drives: press Take over" : "";
  }
  for (const button of document.querySelectorAll("[data-camera]")) button.disabled = off;
  $("wheel").disabled = !watched || link.lost;
  paintBanner();
  showDims(state, state.driver === me ? "you" : watched ? "page" : "device");
  const tasks = state.tasks.length;
  text("progress", `Episode ${state.episode + 1} · ${(state.step / state.rate).toFixed(1)} s · ` +
    (tasks ? `${state.done.length} of ${tasks}` : `reward ${Number(state.reward.toFixed(2))}`) +
    (state.episodes == null ? "" : ` · ${state.episodes} recorded`));
  const agrees = agreement(state.agreement);
  $("needle").hidden = !agrees;
  if (agrees) $("needle").style.left = `${100 * agrees.at}%`;
  text("agree", agrees ? `Your commands: ${agrees.words}` : "Your commands: none yet",
    agrees?.words === "robot disagrees");
  text("likelihood", state.log_prob == null ? "no commands to weigh" :
    `log-likelihood of your commands ${state.log_prob.toFixed(1)} nats` +
    (state.unlikely ? ", less than a tenth of a guess" : ""));
  text("timing", `late ${state.late[0].toFixed(1)} ms (p99 ${state.late[1].toFixed(1)}) · ` +
    `${state.overruns} overruns` +
    (state.latency == null ? "" : ` · your command to the robot in ${state.latency.toFixed(1)} ms`));
  const does = state.sticks[state.mode ?? ""] ?? Object.values(state.sticks)[0] ?? ["", ""];
  text("mode", `Mode: ${state.mode ?? Object.keys(state.sticks)[0] ?? ""}`);
  $("left").dataset.does = does[0]; $("right").dataset.does = does[1];
  text("pause", state.paused ? "Start" : "Pause");
  $("pause").classList.toggle("go", state.paused);
  const armed = state.recording && !state.driven && !state.keepall;
  text("record", !state.recording ? "Record" : armed ? "Ready" : "Recording");
  $("record").dataset.is = state.recording ? armed ? "armed" : "on" : "off";
  $("record").disabled = state.episodes == null;
  $("record").title = state.episodes == null ? "Start mac-control with --record FOLDER" :
    armed ? "F2: records the episode as soon as you drive" : "F2";
  [...$("tasks").children].forEach(li => {
    li.classList.toggle("done", state.done.includes(li.textContent));
    li.classList.toggle("now", state.intent === li.textContent);
  });
  if ($("policy") !== document.activeElement) $("policy").value = state.policy;
  paintTrust(state);
}

function paintBanner() {
  const stopping = stopAsked == null ? 0 : Math.max(1, performance.now() - stopAsked);
  const {kind, text: sentence, sub} = banner({state, me, lost: link.lost, met: link.met, stopping});
  $("banner").dataset.kind = kind;
  text("who", sentence); text("sub", sub);
  text("estop", link.lost ? "STOP" : stopping ? "STOP …" : releases() ? "RELEASE" :
    state.stopped ? "STOPPED" : "STOP");
  $("estop").classList.toggle("on", Boolean(state.stopped) && !link.lost);
  $("estop").classList.toggle("asked", stopping > 0);
}

function build() {
  built = true;
  document.body.classList.toggle("no-view", !state.view);
  document.body.classList.toggle("no-hand", !state.hand);  // whose hand the sticks move
  document.body.classList.toggle("no-grip", !state.grips);
  document.body.classList.toggle("no-sticks", Object.keys(state.sticks).length === 0);
  document.body.classList.toggle("no-modes", Object.keys(state.sticks).length < 2);
  buildDims(state, (name, argument) => { if (!watching()) command(name, argument); });
  for (const task of state.tasks) {
    const li = document.createElement("li");
    li.textContent = task;
    $("tasks").append(li);
  }
  for (const [its, keys, does] of state.keys) {
    const tr = $("keytable").insertRow();
    tr.insertCell().textContent = keys;
    tr.insertCell().textContent = its ? `${does} (mode ${its})` : does;
  }
  state.policies.forEach((path, i) =>
    $("policy").add(new Option(shortened(path), i)));
  if (!state.policies.length) $("policy").add(new Option("no policy: holds still", 0));
  buildTrust(command);
  if (state.view) loadScene(); else cover("");
  if (!watching()) setTimeout(tour, 800);
}

function shortened(path) {
  const name = path.split("/").slice(-2).join("/");
  return name === "pretrained/kitchen" ? "built in" : name;
}
function text(id, value, bad = false) {
  if ($(id).textContent !== value) $(id).textContent = value;
  $(id).classList.toggle("bad", Boolean(bad));
}
function toast(value, bad = false) {
  const p = document.createElement("p");
  p.textContent = value;
  p.className = bad ? "bad" : "";
  $("toasts").append(p);
  while ($("toasts").children.length > 3) $("toasts").firstChild.remove();
  setTimeout(() => p.remove(), 6000);
}

const press = {
  estop: stop, release: () => command("release"), pause: () => command("pause"),
  reset: () => command("reset"), undo: () => command("undo", 2),
  success: () => command("success"), record: () => command("record"), handback: handBack,
  mode: () => { mode = true; }, wheel: () => { letGoOfAll(); command("wheel"); },
  "tour-again": () => tour(true),
};
for (const [id, act] of Object.entries(press))
  $(id)?.addEventListener("click", event => { event.currentTarget.blur(); act(); });
$("pause").addEventListener("click", endTour);
$("policy").addEventListener("change", event => {
  command("policy", Number(event.target.value)); event.target.blur();
});
// The 3D view takes the keys when it is clicked: bring them back.
addEventListener("blur", () => setTimeout(() => {
  if (document.activeElement === $("view")) { $("view").blur(); window.focus(); }
}));
window.cockpit = {get state() { return state; }};  // for tests and tinkering
scene(command);
sticks();
keyboard({Escape: stop, F4: press.release, p: press.pause, Backspace: press.reset,
  z: press.undo, Enter: press.success, F2: press.record, 0: handBack, Tab: press.mode}, $("view"));
beat();
