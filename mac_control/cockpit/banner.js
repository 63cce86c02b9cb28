// The sentence at the top: who drives what, and what can be done about it.

// Names of dimensions, as few as say it: groups of the robot where all of one is there.
export function named(dims, state) {
  const left = new Set(dims), parts = [];
  const groups = Object.entries(state.groups).sort((a, b) => b[1].length - a[1].length);
  for (const [name, members] of groups)
    if (members.length > 1 && members.every(d => left.has(d))) {
      parts.push(name);
      members.forEach(d => left.delete(d));
    }
  for (const d of left) parts.push(state.names[d]);
  return parts.length > 3 ? `${dims.length} dimensions` : parts.join(", ");
}

// `You: elbow · Robot: 8 others`; `who` are you, or a device, or another page.
function shares(state, who) {
  const given = state.given ?? [], mine = [], others = [];
  state.names.forEach((_, d) => (given[d] ? mine : others).push(d));
  if (!mine.length) return "Robot: everything";
  if (!others.length) return `${who}: everything`;
  const rest = others.length > 2 ? `${others.length} others` : named(others, state);
  return `${who}: ${named(mine, state)} · Robot: ${rest}`;
}

// What to show: a kind, which colours it, a sentence, and a shorter one below.
export function banner({state, me, lost, met, stopping}) {
  if (lost) return {kind: "lost", text: "Connection lost: STOP cannot reach the robot",
    sub: "Trying again. Until then the robot has everything you drove."};
  if (!met) return {kind: "wait", text: "Connecting …", sub: ""};
  const watching = state.driver != null && state.driver !== me;
  if (state.stopped) return {kind: "stopped", text: "STOPPED",
    sub: watching ? "The page that drives can release it." : "Press RELEASE to go on."};
  if (stopping) return {kind: "stopped",
    text: stopping > 700 ? "STOP sent, no answer yet: use the robot's own stop" : "STOP sent …",
    sub: ""};
  if (watching) return {kind: "watch", text: "Another page drives, you watch",
    sub: (state.paused ? "It is paused" : shares(state, "It")) +
      " · Controls are off until you take over; STOP works"};
  if (state.paused && !state.step) return {kind: "paused",
    text: "Press Start; pull any slider or stick, the robot does the rest", sub: ""};
  if (state.paused) return {kind: "paused", text: "Paused", sub: "Press Start to go on."};
  const mine = (state.given ?? []).some(Boolean), driver = state.driver === me;
  if (driver && state.status && state.status !== "live") return {kind: "wait",
    text: `Your device is ${state.status}: the robot has its dimensions`, sub: ""};
  const slowed = (state.limited ?? []).join(", ");
  const sub = slowed ? `Within its limits (${slowed})` : state.intent ? `Towards: ${state.intent}` :
    mine ? "" : "Pull any slider or stick to drive that part yourself.";
  return {kind: mine ? "you" : "robot", text: shares(state, driver ? "You" : "A device"), sub};
}

// The agreement meter: how likely the robot finds what it is asked for.
const STEP = Math.log(10);
let smooth = null;
export function agreement(value) {
  if (value == null) { smooth = null; return null; }
  smooth = smooth == null ? value : smooth + 0.2 * (value - smooth);
  const words = smooth >= 0 ? "as expected" : smooth > -STEP ? "unusual" : "robot disagrees";
  const at = Math.min(1, Math.max(0, (smooth + 2 * STEP) / (3 * STEP)));
  return {words, at};
}
