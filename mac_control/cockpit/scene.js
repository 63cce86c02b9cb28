// The 3D view: a cover until it is there, cameras, and loading it again after an interruption.
const $ = id => document.getElementById(id);
const SLOW = 20000;
let began = 0, seen = 0, count = 0;

export function loadScene() {
  began = performance.now(); seen = 0;
  cover("Loading the scene …");
  $("view").src = `view/?${++count}`;
}

export function cover(text, again = false) {
  $("loading").textContent = text;
  $("cover").hidden = !text;
  $("again").hidden = !again;
}

// Whether something is drawn: its canvas is there, and had a second to fill.
function look() {
  if (!began) return;
  let drawn = false;
  try { drawn = Boolean($("view").contentDocument?.querySelector("canvas")); } catch { /* not ours */ }
  const now = performance.now();
  if (drawn && !seen) seen = now;
  if (seen && now - seen > 1200) { cover(""); began = 0; }
  else if (now - began > SLOW) { cover("The scene does not come. Driving works without it.", true); }
}

export function scene(command) {
  $("again").addEventListener("click", loadScene);
  for (const button of document.querySelectorAll("[data-camera]"))
    button.addEventListener("click", event => {
      event.currentTarget.blur();
      command("camera", button.dataset.camera);
    });
  setInterval(look, 300);
}
