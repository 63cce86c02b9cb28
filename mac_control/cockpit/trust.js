// The dial of how exactly commands are taken: from "do exactly what I say" to "keep me safe".
const $ = id => document.getElementById(id);
// Standard deviations of a command, as shares of half the action box.
const SHARES = [0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6];
const WORDS = ["executed exactly", "smoothed a little", "smoothed", "weighed against what is likely",
  "corrected where unlikely", "hints to the robot", "faint hints to the robot"];

export function buildTrust(command) {
  const say = () =>
    command("trust", $("adaptive").checked ? "adaptive" : SHARES[Number($("trust").value)]);
  $("trust").addEventListener("input", () => { $("adaptive").checked = false; say(); });
  $("adaptive").addEventListener("change", say);
  for (const part of [$("trust"), $("adaptive")])
    part.addEventListener("change", event => event.target.blur());
}

export function paintTrust(state) {
  const dial = $("trust"), free = !dial.matches(":active");
  dial.closest("fieldset").hidden = !state.weighs;  // others can only obey
  if (free) $("adaptive").checked = state.trust === "adaptive";
  if (free && typeof state.trust === "number") {
    const off = SHARES.map(share => Math.abs(share - state.trust));
    dial.value = off.indexOf(Math.min(...off));
  }
  const {given, values, action, moving} = state;
  const changed = (given ?? []).map((mine, d) =>
    mine && !moving[d] ? Math.abs(action[d] - values[d]) : 0).filter(off => off > 0.002);
  const how = state.trust === "adaptive" ? "as far as they are expected" : WORDS[Number(dial.value)];
  const text = changed.length ?
    `${changed.length} changed, by up to ${Math.max(...changed).toFixed(2)}` : how;
  if ($("eased").textContent !== text) $("eased").textContent = text;
  dial.setAttribute("aria-valuetext", how);
}
