// One row for each action dimension: who has it, a slider that drives it, what was sent.
const $ = id => document.getElementById(id);
const rows = [], folds = [];

export function buildDims(state, command) {
  state.names.forEach((name, d) => {
    const tr = $("dims").insertRow();
    const low = state.low[d], high = state.high[d], step = (high - low) / 200;
    const still = Math.min(Math.max(0, low), high), snaps = ((still - low) / step) % 1 === 0;
    tr.innerHTML = `<td class="name"></td><td><label class="keep"><input type="checkbox"
      id="mine${d}"></label></td><td class="who"></td>
      <td class="drive"><input type="range" id="dim${d}" min="${low}" max="${high}"
        step="${snaps ? step : "any"}" value="${still}"><div class="bar"><i class="spread" hidden></i>
        <i class="robot" hidden></i><i class="you" hidden></i></div></td><td class="sent" id="sent${d}"></td>`;
    const find = query => tr.querySelector(query);
    tr.cells[0].textContent = name;
    const row = {tr, latched: state.latched[d], pulled: false, mine: find("[type=checkbox]"),
      slider: find("[type=range]"),
      who: find(".who"), bar: find(".bar"), given: find("i.you"), filled: find("i.robot"),
      spread: find(".spread"), sent: find(".sent")};
    row.mine.ariaLabel = `keep ${name}`;
    row.slider.ariaLabel = name;
    row.rest = Number(row.slider.value);
    row.slider.addEventListener("input", () => { row.pulled = true; });
    // A slider that is not kept springs back when it is let go.
    row.slider.addEventListener("change", () => { if (!row.mine.checked) rest(row); });
    row.slider.addEventListener("dblclick", () => rest(row));
    row.mine.addEventListener("change", () => { if (!row.mine.checked) rest(row); });
    // The joint that a slider moves is marked in the scene.
    for (const event of ["pointerenter", "focusin"])
      tr.addEventListener(event, () => command("point", d));
    for (const event of ["pointerleave", "focusout"])
      tr.addEventListener(event, () => command("point", null));
    rows.push(row);
  });
  for (const [name, dims] of Object.entries(state.folds)) fold(name, dims);
}

// A group that is one row until it is opened; what it holds drives and is driven all the same.
function fold(name, dims) {
  const members = dims.map(d => rows[d]), tr = document.createElement("tr");
  tr.className = "fold";
  tr.innerHTML = `<td colspan="2"><button aria-expanded="false"></button></td>
    <td class="who"></td><td colspan="2" class="sum"></td>`;
  const button = tr.querySelector("button");
  const show = open => {
    button.ariaExpanded = open;
    button.textContent = `${open ? "▾" : "▸"} ${name.replaceAll("_", " ")} (${dims.length})`;
    for (const row of members) row.tr.hidden = !open;
  };
  button.id = `fold-${name}`;
  button.addEventListener("click", () => show(button.ariaExpanded !== "true"));
  members[0].tr.before(tr);
  show(false);
  folds.push({tr, dims, who: tr.querySelector(".who"), sum: tr.querySelector(".sum")});
}

export function handBack() { for (const row of rows) { row.mine.checked = false; rest(row); } }
function rest(row) { row.pulled = false; row.slider.value = row.rest; }

// What the sliders and ticks say, into the axes and buttons of a message.
export function readDims(axes, buttons) {
  rows.forEach((row, d) => {
    const x = Number(row.slider.value);
    if (row.latched ? row.mine.checked || row.pulled : x !== row.rest) axes[`dim${d}`] = x;
    if (row.mine.checked) buttons.push(`mine${d}`);
  });
}

export function showDims(state, who) {
  const {given, values, filled, action, spread, low, high} = state;
  rows.forEach((row, d) => {
    if (row.latched) {  // a position target stays where it is: so does its slider
      row.rest = state.rest[d];
      if (!row.mine.checked && !row.pulled) row.slider.value = row.rest;
    }
    if (!given) return;
    const at = x => `${100 * (x - low[d]) / (high[d] - low[d])}%`;
    row.tr.className = (given[d] ? "you" : "robot") + (state.moving[d] ? " moving" : "");
    row.who.textContent = given[d] ? who : "robot";
    row.sent.textContent = action[d].toFixed(2);
    row.given.style.left = at(values[d]); row.given.hidden = !given[d];
    const eased = given[d] && !state.moving[d] && Math.abs(action[d] - values[d]) > 0.002;
    row.filled.style.left = at(given[d] ? action[d] : filled[d]); row.filled.hidden = given[d] && !eased;
    row.tr.classList.toggle("eased", eased);
    const s = spread && !given[d] ? spread[d] : 0;
    row.spread.style.left = at(Math.max(low[d], filled[d] - s));
    row.spread.style.right = `${100 - parseFloat(at(Math.min(high[d], filled[d] + s)))}%`;
    row.spread.hidden = s === 0;
    row.bar.title = eased ? `yours: ${values[d]}, executed: ${action[d]}` :
      given[d] ? `yours: ${values[d]}` : `the robot's: ${filled[d]} ± ${s}`;
  });
  if (!given) return;
  for (const {tr, dims, who: by, sum} of folds) {
    const mine = dims.filter(d => given[d]).length;
    tr.className = `fold ${mine === dims.length ? "you" : "robot"}`;
    by.textContent = mine === dims.length ? who : "robot";
    sum.textContent = mine && mine < dims.length ? `${mine} by ${who}` : "";
  }
}
