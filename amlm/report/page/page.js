const data = JSON.parse(document.getElementById("data").textContent);
const section = (id) => document.getElementById(id);
const options = (names) => names.map((name, i) => element("option", { value: i }, name));
const groupNames = data.groups.map((group) => group.name);

function table(rows, bar = null) {
  const [head, ...others] = rows;
  const isText = head.map((_, i) => others.some((cells) => /[a-z▁]/i.test(cells[i])));
  const row = (cells, tag, extra) => element("tr", {},
    ...cells.map((cell, i) => element(tag, isText[i] ? { class: "text" } : {}, cell)), ...extra);
  return element("div", { class: "table" }, element("table", { class: "data" },
    element("thead", {}, row(head, "th", bar ? [element("th", {}, "")] : [])),
    element("tbody", {}, ...others.map((cells) => row(cells, "td", bar ? [element("td", {}, bar(cells))] : [])))));
}

function labelled(text, control) { return element("label", {}, text, control); }

// A slider over steps. `watch(i)` is called at once, when it is set and when it moves.
function slider(watch) {
  const input = element("input", { type: "range", min: 0, step: 1, "aria-label": "step" });
  const label = element("output", {});
  let steps = [];
  const moved = () => {
    label.textContent = `step ${number(steps[Number(input.value)])}`;
    watch(Number(input.value));
  };
  input.addEventListener("input", moved);
  return {
    node: element("label", {}, input, label),
    set(found) {
      const share = steps.length > 1 ? Number(input.value) / (steps.length - 1) : 1;
      steps = found;
      input.max = steps.length - 1;
      input.value = Math.round(share * (steps.length - 1));
      moved();
    },
  };
}

// The ratio at a step, to divide by.
function divisor(group, isRelative) {
  const ratio = new Map(group.ratio.x.map((step, i) => [step, group.ratio.y[i]]));
  return (step) => (isRelative ? ratio.get(step) : 1);
}

function divided(line, by) {
  const scale = (y) => y && y.map((value, i) => (value === null ? null : value / by(line.x[i])));
  return { ...line, y: scale(line.y), low: scale(line.low), high: scale(line.high) };
}

const Y = (isRelative) => (isRelative ? "masking probability / mask ratio" : "masking probability");
const relative = () => element("input", { type: "checkbox", checked: "" });

function overview() {
  section("about").textContent = data.about;
  section("notes").append(...data.notes.map((note) => element("li", {}, note)));
  section("contents").append(...[...document.querySelectorAll("main > section")].map((each) =>
    element("a", { href: `#${each.id}` }, each.querySelector("h2").textContent)));
  section("runs").append(table(data.tables.runs.rows));
  for (const [id, found] of Object.entries(data.charts)) {
    const holder = element("div", { class: "charts" });
    section(id).append(holder);
    show(holder, ...found.map((each) => chart(each.title, each.lines)));
  }
  if (data.tables.distribution) section("distribution").append(table(data.tables.distribution.rows));
}

function scores() {
  const { title, rows } = data.tables.scores;
  const span = new Map(); // lowest and highest number of each metric
  const parse = (cell) => (cell === "-" ? null : Number(cell.replaceAll(",", "")));
  const ends = (cells) => [cells[3], cells[5], cells[6]].map(parse);
  const trained = (cells) => cells[1] !== "untrained"; // far from the others
  for (const cells of rows.slice(1).filter(trained)) {
    const [low, high] = span.get(cells[0]) ?? [Infinity, -Infinity];
    const found = ends(cells).filter((value) => value !== null);
    span.set(cells[0], [Math.min(low, ...found), Math.max(high, ...found)]);
  }
  const bar = (cells) => {
    if (!trained(cells)) return "";
    const [least, most] = span.get(cells[0]);
    const place = (value) => (most > least ? 100 * (value - least) / (most - least) : 50);
    const [mean, low, high] = ends(cells);
    const track = element("div", { class: "track" });
    if (low !== null) track.append(element("i", { style: `left:${place(low)}%;width:${place(high) - place(low)}%` }));
    track.append(element("b", { style: `left:${place(mean)}%` }));
    return track;
  };
  section("scores").append(element("p", {}, `${title}.`), table(rows, bar));
  for (const name of ["scores_by_run", "accuracy_by_frequency", "accuracy_by_part_of_speech"]) {
    const other = data.tables[name];
    if (other) section("scores").append(element("p", {}, `${other.title}.`), table(other.rows));
  }
}

function byGroup(id, kind, draw) {
  const pick = element("select", {}, ...options(groupNames));
  const check = relative();
  const holder = element("div", { class: `charts ${kind}` });
  const update = () => show(holder, ...draw(data.groups[Number(pick.value)], check.checked));
  pick.addEventListener("change", update);
  check.addEventListener("change", update);
  section(id).append(element("div", { class: "controls" }, labelled("group", pick), labelled("divide by the mask ratio", check)), holder);
  update();
}

function ranks() {
  byGroup("ranks", "wide", (group, isRelative) => {
    const by = divisor(group, isRelative);
    const lines = group.ranks.steps.map((step, i, all) => ({
      name: `step ${number(step)}`, x: group.ranks.x, share: all.length > 1 ? i / (all.length - 1) : 1,
      y: group.ranks.w[i].map((value) => (value === null ? null : value / by(step))),
    }));
    return [chart(Y(isRelative), lines, { x: "frequency rank", logarithmic: true, height: 320 })];
  });
}

function classes() {
  byGroup("speech", "half", (group, isRelative) => [["part of speech", group.speech], ["kind of token", group.kind]]
    .filter(([, lines]) => lines.length)
    .map(([name, lines]) => chart(`${Y(isRelative)}, by ${name}`, lines.map((line) => divided(line, divisor(group, isRelative))), { height: 320 })));
}

function extremes() {
  const pick = element("select", {}, ...options(data.extremes.map((run) => run.name)));
  const holder = element("div", { class: "pair" });
  const at = slider((i) => {
    const [highest, lowest] = data.extremes[Number(pick.value)].ends[i];
    const side = (title, types) => table([[title, "w"], ...types.map(([form, w]) => [form, w.toFixed(4)])]);
    holder.replaceChildren(side("masked most", highest), side("masked least", lowest));
  });
  const update = () => at.set(data.extremes[Number(pick.value)].steps);
  pick.addEventListener("change", update);
  section("extremes").append(element("div", { class: "controls" }, labelled("run", pick), at.node), holder);
  update();
}
