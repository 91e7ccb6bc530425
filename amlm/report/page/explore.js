async function unpack(text) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

const unpacked = new Map(); // by packed text
function once(text, make) {
  if (!unpacked.has(text)) unpacked.set(text, unpack(text).then(make));
  return unpacked.get(text);
}

const formsOf = (group) => once(data.vocabularies[group.vocabulary].forms, (bytes) => JSON.parse(new TextDecoder().decode(bytes)));

// Bytes by update and type: each row holds the differences to the row before.
const tableOf = (group) => once(group.table.data, (bytes) => {
  const types = bytes.length / group.table.steps.length;
  for (let i = types; i < bytes.length; i++) bytes[i] += bytes[i - types];
  return bytes;
});

// The history of a type: w divided by the mask ratio.
async function history(group, type) {
  const [bytes, forms] = await Promise.all([tableOf(group), formsOf(group)]);
  const { steps, lowest, step } = group.table;
  return steps.map((_, t) => lowest * Math.exp(step * bytes[t * forms.length + type]));
}

// Forms that a text may stand for, best first: with and without ▁, the more frequent first, then beginnings.
function candidates(forms, text, most = 12) {
  const typed = text.trim().replace(/^_/, "▁");
  if (!typed) return [];
  const wanted = typed.startsWith("▁") ? [typed] : [`▁${typed}`, typed];
  const exact = forms.filter((form) => wanted.includes(form));
  const beginning = forms.filter((form) => wanted.some((each) => form.startsWith(each)) && !exact.includes(form));
  return [...exact, ...beginning].slice(0, most);
}

function explorer() {
  const known = data.groups.filter((group) => group.table);
  if (!known.length) return;
  const all = "all groups, last token";
  const pick = element("select", {}, ...options([...known.map((group) => group.name), all]));
  const input = element("input", { list: "suggestions", placeholder: "type a token", "aria-label": "token", autocomplete: "off", spellcheck: "false" });
  const list = element("datalist", { id: "suggestions" });
  const chips = element("span", { class: "controls" });
  const hint = element("p", { class: "hint", role: "status" });
  const check = relative();
  const holder = element("div", { class: "charts wide" });
  let chosen = [];
  const shown = () => known[Number(pick.value)] ?? known[0];

  async function line(group, form, name) {
    const type = (await formsOf(group)).indexOf(form);
    if (type < 0) return null;
    const ratio = divisor(group, true);
    const y = await history(group, type);
    return { name, x: group.table.steps, y: check.checked ? y : y.map((value, t) => value * ratio(group.table.steps[t])) };
  }

  async function update() {
    const overGroups = Number(pick.value) === known.length;
    const lines = overGroups
      ? await Promise.all(known.map((group) => line(group, chosen.at(-1), group.name)))
      : await Promise.all(chosen.map((form) => line(shown(), form, form)));
    const found = lines.filter((each) => each !== null);
    show(holder, ...(found.length ? [chart(`${Y(check.checked)}${overGroups ? ` of ${chosen.at(-1)}` : ""}`, found, { height: 320 })] : []));
    chips.replaceChildren(...chosen.map((form) => element("button", {
      class: "chip", type: "button", title: "remove", "aria-label": `remove ${form}`,
      onclick: () => { chosen = chosen.filter((each) => each !== form); update(); },
    }, `${form} ×`)));
  }

  async function add() {
    const forms = await formsOf(shown());
    const [form] = candidates(forms, input.value, 1);
    if (!input.value.trim()) return;
    if (!form) { hint.textContent = `No token begins with “${input.value}”.`; return; }
    const ranked = data.vocabularies[shown().vocabulary].ranked;
    const rank = ranked ? `, frequency rank ${number(forms.indexOf(form) + 1)} of ${number(forms.length)}` : "";
    hint.textContent = `Added ${form}${rank}.`;
    chosen = [...chosen.filter((each) => each !== form), form];
    input.value = "";
    await update();
  }

  input.addEventListener("input", async () => {
    const forms = await formsOf(shown());
    list.replaceChildren(...candidates(forms, input.value).map((form) => element("option", { value: form })));
  });
  input.addEventListener("keydown", (event) => { if (event.key === "Enter") add(); });
  pick.addEventListener("change", update);
  check.addEventListener("change", update);
  section("explorer").append(
    element("p", {}, `▁ marks the beginning of a word. Values are means over seeds, rounded to ${(50 * known[0].table.step).toFixed(1)} %.`),
    element("div", { class: "controls" }, labelled("token", input), list, element("button", { type: "button", onclick: add }, "add"), labelled("group", pick), labelled("divide by the mask ratio", check)),
    hint, chips, holder);
  formsOf(shown()).then((forms) => {
    chosen = ["▁the", "▁of", "▁house"].filter((form) => forms.includes(form));
    if (!chosen.length) chosen = forms.slice(0, 3);
    return update();
  });
}

function sentences() {
  const known = data.groups.filter((group) => group.sentences.steps.length);
  if (!known.length) {
    section("sentences").append(element("p", {}, "The held-out text of these runs is not in the cache: give sentences with sentences='[\"...\"]'."));
    return;
  }
  const pick = element("select", {}, ...options(known.map((group) => group.name)));
  const which = element("select", { "aria-label": "sentence" });
  const holder = element("div", { class: "sentence", "aria-live": "off" });
  const scale = element("span", {});
  let timer = null;
  const group = () => known[Number(pick.value)];
  const at = slider((t) => {
    const q = group().sentences.q;
    const highest = Math.max(...q.flat(2));
    const pieces = data.vocabularies[group().vocabulary].sentences[Number(which.value)];
    scale.textContent = number(highest / 1000);
    holder.replaceChildren(...pieces.map((piece, i) => {
      const value = q[t][Number(which.value)][i];
      const share = Math.round(100 * value / highest);
      return element("span", { class: "token", title: `${piece}: ${(value / 1000).toFixed(3)}`,
        style: `background: color-mix(in srgb, var(--heat) ${share}%, var(--page))` },
      piece, element("small", {}, (value / 1000).toFixed(2)));
    }));
  });
  const texts = () => data.vocabularies[group().vocabulary].sentences.map((pieces) => pieces.join("").replaceAll("▁", " ").slice(0, 80));
  const update = () => {
    const before = which.value;
    which.replaceChildren(...options(texts()));
    if (before !== "" && Number(before) < which.children.length) which.value = before;
    at.set(group().sentences.steps);
  };
  const play = element("button", { type: "button", onclick: () => {
    if (timer !== null) { clearInterval(timer); timer = null; play.textContent = "play"; return; }
    const input = at.node.querySelector("input");
    const go = (value) => { input.value = value; input.dispatchEvent(new Event("input")); };
    play.textContent = "stop";
    if (input.value === input.max) go(0);
    timer = setInterval(() => {
      go(Number(input.value) + 1);
      if (input.value === input.max) play.click();
    }, 250);
  } }, "play");
  pick.addEventListener("change", update);
  which.addEventListener("change", () => at.set(group().sentences.steps));
  section("sentences").append(
    element("div", { class: "controls" }, labelled("group", pick), labelled("sentence", which)),
    element("div", { class: "controls" }, at.node, play, element("label", {}, "0", element("span", { class: "scale" }), scale)),
    holder);
  update();
}

function files() {
  for (const [title, paths] of Object.entries(data.files)) {
    section("files").append(element("p", {}, `${title}: `, ...paths.flatMap((path, i) => [i ? ", " : "", element("a", { href: path }, path.split("/").at(-1))])));
  }
}

overview();
scores();
if (data.groups.length) {
  ranks(); classes(); extremes(); explorer(); sentences();
} else {
  for (const id of ["ranks", "speech", "distribution", "extremes", "explorer", "sentences"]) {
    section(id).append(element("p", {}, "No update of the masking table yet."));
  }
}
files();
document.documentElement.dataset.ready = "yes";
