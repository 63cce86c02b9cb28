// Twenty seconds that show what is where; skipped for good once it was seen.
const STEPS = [
  ["#pause", "Start sets the robot going, and pauses it."],
  [".dims", "Pull a slider: you drive that joint, the robot does the rest. Let go and it is the " +
    "robot's again; tick “keep” and it stays yours."],
  [".sticks", "The sticks move the robot too, as do keys and a gamepad: see Keys below."],
  ["#estop", "STOP, or Esc, stops the robot at once, from any page that is open."],
];
const EACH = 5000;
const $ = id => document.getElementById(id);
let at = -1, timer = null;

export function tour(force = false) {
  if (!force && remembered()) return;
  at = -1;
  next();
}

function next() {
  clearTimeout(timer);
  mark(false);
  at += 1;
  while (at < STEPS.length && !target()?.offsetParent) at += 1;  // this robot has none of it
  if (at >= STEPS.length) return end();
  mark(true);
  $("tour-text").textContent = STEPS[at][1];
  $("tour-step").textContent = `${at + 1} of ${STEPS.length}`;
  $("tour").hidden = false;
  timer = setTimeout(next, EACH);
}

function target() { return document.querySelector(STEPS[at][0]); }
function mark(on) { if (STEPS[at]) target()?.classList.toggle("shown", on); }

export function end() {
  clearTimeout(timer);
  mark(false);
  at = -1;
  $("tour").hidden = true;
  try { localStorage.setItem("tour", "seen"); } catch { /* private window */ }
}
function remembered() {
  try { return localStorage.getItem("tour") === "seen"; } catch { return true; }
}
$("tour-next").addEventListener("click", next);
$("tour-skip").addEventListener("click", end);
