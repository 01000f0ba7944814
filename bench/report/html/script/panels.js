// Panels: title, sentence, what can be chosen, the drawing, and its figures as a table.

const ARROW = " → ";

function buildSections() {
  const main = /** @type {HTMLElement} */ (document.getElementById("main"));
  data.sections.forEach((section, place) => {
    const node = make("section", { id: `chapter-${section.key}`, tabindex: "-1", "aria-labelledby": `title-${section.key}` });
    node.append(make("h2", { id: `title-${section.key}` }, section.title));
    if (section.text) node.append(make("p", {}, section.text));
    for (const panel of section.panels) node.append(buildPanel(panel));
    if (!section.panels.length) node.append(make("p", { class: "empty" }, "Nothing is stored that this chapter could show."));
    main.append(node);
    if (!place) main.append(buildFilters());
  });
}
/** @param {Panel} panel */
function buildPanel(panel) {
  const permalink = make("a", { class: "link", "aria-label": `Permalink: ${panel.title}`, onclick: () => { state.panel = panel.key; } }, "#");
  const says = make("p", { id: `says-${panel.key}`, class: "says", "aria-live": "polite" });
  const [picks, body, table] = [make("div", { class: "picks" }), make("div", { class: "body" }), make("div")];
  /** @type {View} */
  const view = { panel, permalink, says, picks, body, table, details: null, visible: false, drawn: false, chosen: [] };
  views.set(panel.key, view);
  const figure = make("figure", { id: panel.key, tabindex: "-1", "aria-describedby": says.id });
  figure.append(make("figcaption", {}, make("h3", {}, panel.title), permalink), picks, says);
  if (panel.choose) figure.append(buildSwitches(view));
  figure.append(body);
  if (panel.kind === "table") {
    body.append(table);
  } else if (panel.table && panel.open) {
    figure.append(table);
  } else if (panel.table) {
    view.details = make("details", { ontoggle: () => showTable(view) }, make("summary", {}, "As a table"), table);
    figure.append(view.details);
  }
  if (panel.note) figure.append(make("p", { class: "note" }, panel.note));
  if (panel.onward.length) {
    figure.append(make("p", { class: "onward" }, make("a", { href: `#${panel.onward[0]}`, onclick: jump }, `${panel.onward[1]} →`)));
  }
  return figure;
}
/** Go to a chapter and leave the address as it is. @param {Event} event */
function jump(event) {
  event.preventDefault();
  const href = /** @type {HTMLElement} */ (event.currentTarget).getAttribute("href") || "";
  const target = /** @type {HTMLElement} */ (document.getElementById(href.slice(1)));
  target.scrollIntoView();
  target.focus({ preventScroll: true });
}

// --- what a panel lets its reader choose ----------------------------------------------------------------------------
/** The names of the traces that are switched on. @param {Panel} panel */
function switchedOn(panel) {
  const all = panel.traces.map((trace) => trace.choice).filter((name) => name !== undefined);
  const usual = panel.chosen.filter((name) => all.includes(name));
  return state.shown[panel.key] || (usual.length ? usual : all);
}
/** @param {View} view */
function buildSwitches(view) {
  const { panel } = view;
  const all = [...new Set(panel.traces.map((trace) => trace.choice).filter((name) => name !== undefined))];
  const box = make("fieldset", { class: "switches" }, make("legend", {}, panel.choose));
  for (const name of all) {
    const flip = (/** @type {Event} */ event) => {
      const on = /** @type {HTMLInputElement} */ (event.target).checked;
      state.shown[panel.key] = all.filter((one) => (one === name ? on : switchedOn(panel).includes(one)));
      keepAddress();
      showPanel(view);
    };
    box.append(make("label", {}, make("input", { type: "checkbox", "data-choice": name, checked: switchedOn(panel).includes(name), onchange: flip }), ` ${name}`));
  }
  return make("details", { class: "choose" }, make("summary", {}, `${panel.choose}: choose`), box);
}
/** The items of a panel that can be picked now. @param {Panel} panel @returns {string[]} */
function pickable(panel) {
  const items = [...panel.traces, ...panel.data, ...(panel.table ? panel.table.lines : [])];
  const values = new Set(fitting(panel, /** @type {Item[]} */ (items)).map((item) => item.pick).filter((pick) => pick !== undefined));
  return panel.picks.length ? panel.picks.filter((value) => values.has(value)) : [...values];
}
/** Show what can be picked, and return what is. @param {View} view @returns {string[]} */
function showPicks(view) {
  const { panel } = view;
  if (panel.pair.length) return showPair(view);
  if (!panel.pick) return [];
  const values = pickable(panel);
  const wanted = (state.picks[panel.key] || []).filter((value) => values.includes(value));
  const usual = panel.first.filter((value) => values.includes(value));
  const fits = wanted.length ? wanted : usual.length ? usual : values;
  const chosen = fits.slice(0, panel.pick_two && (wanted.length || usual.length) ? 2 : 1);
  view.picks.replaceChildren();
  if (panel.tabs && values.length > 1) {
    const tabs = values.map((value) => make("button", { "aria-pressed": String(value === chosen[0]), onclick: () => pick(view, [value], values.indexOf(value)) }, value));
    view.picks.append(make("div", { class: "tabs", role: "group", "aria-label": panel.pick }, ...tabs));
  } else if (values.length > 1 || panel.pick_two) {
    view.picks.append(selection(view, panel.pick, values, chosen[0], 0));
    if (panel.pick_two) view.picks.append(selection(view, "beside", ["", ...values], chosen[1] || "", 1));
  }
  return chosen;
}
/** Show both boxes of a pair; the second has what goes with the first. @param {View} view @returns {string[]} */
function showPair(view) {
  const { panel } = view;
  const pairs = Object.keys(panel.says).map((name) => name.split(ARROW));
  const wanted = state.picks[panel.key] || panel.first;
  const from = pairs.some(([one]) => one === wanted[0]) ? wanted[0] : pairs[0][0];
  const ends = pairs.filter(([one]) => one === from).map(([, other]) => other);
  const to = ends.includes(wanted[1]) ? wanted[1] : ends[ends.length - 1];
  view.picks.replaceChildren(
    selection(view, panel.pair[0], [...new Set(pairs.map(([one]) => one))], from, 0, [from, to]),
    selection(view, panel.pair[1], ends, to, 1, [from, to]),
  );
  return [[from, to].join(ARROW)];
}
/** A box to select from.
 * @param {View} view @param {string} label @param {string[]} values @param {string} chosen @param {number} place
 * @param {string[]} [both] what is chosen in this box and the other one */
function selection(view, label, values, chosen, place, both) {
  const select = make("select", { "data-pick": view.panel.key, "data-place": place });
  for (const value of values) select.append(make("option", { value }, value || "none"));
  select.value = chosen;
  select.addEventListener("change", () => {
    const now = both || state.picks[view.panel.key] ? [...(both || state.picks[view.panel.key])] : [...view.chosen];
    now[place] = select.value;
    pick(view, now.filter(Boolean), place);
  });
  return make("label", {}, `${label} `, select);
}
/** @param {View} view @param {string[]} chosen @param {number} place of the control that was used */
function pick(view, chosen, place) {
  state.picks[view.panel.key] = chosen;
  keepAddress();
  showPanel(view);
  const controls = view.picks.querySelectorAll("select, button");
  /** @type {HTMLElement} */ (controls[Math.min(place, controls.length - 1)]).focus();
}
/** @param {View} view */
function showPanel(view) {
  const { panel } = view;
  view.chosen = showPicks(view);
  showSentence(view, panel.says[view.chosen[0]] || panel.sentence);
  if (panel.kind === "plot") {
    view.drawn = false;
    if (view.visible) drawPlot(view);
  } else if (panel.kind !== "table") {
    DRAW[panel.kind](view);
  }
  showTable(view);
}
/** Show a sentence; what stands between two stars on either side is strong. @param {View} view @param {string} told */
function showSentence(view, told) {
  if (view.says.dataset.told === told) return;
  view.says.dataset.told = told;
  view.says.replaceChildren(...told.split("**").map((part, place) => (place % 2 ? make("strong", {}, part) : part)));
}
function update() {
  showFilters();
  for (const view of views.values()) showPanel(view);
  keepAddress();
}
