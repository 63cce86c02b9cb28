// Where this machine's hands are: on-screen sticks, keys, gamepads. `collect` says all of it.

const axes = {};            // of the on-screen sticks
const buttons = new Set();  // of the on-screen buttons
const keys = new Set();
const PAD = ["a", "b", "x", "y", "left_shoulder", "right_shoulder", "left_trigger_button",
  "right_trigger_button", "back", "start", "left_stick", "right_stick", "up", "down", "left",
  "right", "guide"];
const AXES = ["left_x", "left_y", "right_x", "right_y"];
let before = new Set();

export function sticks() {
  for (const stick of document.querySelectorAll(".stick")) {
    const [x, y] = stick.dataset.axes.split(" "), knob = stick.firstElementChild;
    const move = (dx, dy) => {
      const far = Math.max(1, Math.hypot(dx, dy));
      axes[x] = dx / far; axes[y] = dy / far;
      knob.style.transform = `translate(${axes[x] * 42}px, ${axes[y] * 42}px)`;
    };
    stick.addEventListener("pointerdown", event => {
      if (!stick.closest("fieldset").disabled) stick.setPointerCapture(event.pointerId);
    });
    const follow = event => {
      if (!stick.hasPointerCapture(event.pointerId)) return;
      const box = stick.getBoundingClientRect(), r = box.width / 2;
      move((event.clientX - box.left - r) / r, (event.clientY - box.top - r) / r);
    };
    stick.addEventListener("gotpointercapture", follow);
    stick.addEventListener("pointermove", follow);
    stick.addEventListener("lostpointercapture", () => {
      move(0, 0); delete axes[x]; delete axes[y];
    });
  }
  for (const button of document.querySelectorAll("[data-hold]")) {
    const name = button.dataset.hold;
    button.addEventListener("pointerdown", event => {
      button.setPointerCapture(event.pointerId); buttons.add(name);
    });
    button.addEventListener("lostpointercapture", () => buttons.delete(name));
  }
}

// Keys that drive, by what is printed on them; commands are the page's. The frame of the 3D view,
// when it was clicked, gets the keys instead of the page: Esc must stop from there too.
export function keyboard(commands, frame) {
  const down = event => {
    if (event.target.closest("select, input[type=text]")) return;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const command = commands[event.key] || commands[event.key.toLowerCase()];
    if (command) { event.preventDefault(); if (!event.repeat) command(); return; }
    const name = event.key === " " ? "space" : event.key.toLowerCase();
    if (name.length === 1 || name === "space") { keys.add("key_" + name); event.preventDefault(); }
  };
  const up = event =>
    keys.delete("key_" + (event.key === " " ? "space" : event.key.toLowerCase()));
  const listen = to => { to.addEventListener("keydown", down); to.addEventListener("keyup", up); };
  const inside = () => { if (frame.contentDocument) listen(frame.contentWindow); };  // if it is ours
  listen(window);
  inside();
  frame.addEventListener("load", inside);
  addEventListener("blur", () => { keys.clear(); buttons.clear(); });
}

// Let go of every stick, button and key that is held here.
export function letGo() {
  keys.clear(); buttons.clear();
  for (const name of Object.keys(axes)) delete axes[name];
  for (const knob of document.querySelectorAll(".stick span")) knob.style.transform = "";
}

// Everything that is deflected or held now; `pressed` is called with a gamepad's new buttons.
export function collect(pressed) {
  const said = {axes: {...axes}, buttons: new Set([...buttons, ...keys])};
  let name = null;
  const now = new Set();
  for (const pad of navigator.getGamepads?.() ?? []) {
    if (!pad?.connected) continue;
    name = pad.id;
    pad.axes.slice(0, 4).forEach((x, i) => { if (Math.abs(x) > 0.05) said.axes[AXES[i]] ??= x; });
    pad.buttons.forEach((b, i) => { if (b.pressed && PAD[i]) now.add(PAD[i]); });
  }
  for (const button of now) {
    said.buttons.add(button);
    if (!before.has(button)) pressed(button);
  }
  before = now;
  return {axes: said.axes, buttons: [...said.buttons], gamepad: name};
}
