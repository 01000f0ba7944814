// Chapters, filters, the theme, and the start.

function buildNavigation() {
  const nav = make("nav", { "aria-label": "Chapters" });
  for (const section of data.sections) nav.append(make("a", { href: `#chapter-${section.key}`, onclick: jump }, section.short || section.title));
  nav.append(make("button", { id: "theme", onclick: turnTheme, "aria-label": "Light or dark" }, "◐"));
  /** @type {HTMLElement} */ (document.getElementById("controls")).append(nav);
}
/** The filters of all chapters; what is left open is the usual: one machine, and the newest published run. */
function buildFilters() {
  const bar = make("div", { class: "filters", role: "group", "aria-label": "Filters" });
  const panels = data.sections.flatMap((section) => section.panels);
  const items = panels.flatMap((panel) => [...panel.traces, ...(panel.table ? panel.table.lines : [])]);
  bar.append(make("span", { class: "note" }, "Below, the newest published run of each kind, unless you choose:"));
  for (const [name, label] of Object.entries(data.facets)) {
    const values = [...new Set(items.map((item) => (item.facets || {})[name]).filter(Boolean))].sort(compareText);
    if (values.length < 2) continue;
    const select = make("select", { id: `facet-${name}`, "data-facet": name, onchange: filter });
    const narrowed = panels.some((panel) => panel.usual[name]);
    select.append(make("option", { value: "" }, narrowed ? "usual" : "all"));
    if (narrowed) select.append(make("option", { value: ALL }, "all"));
    for (const value of values) select.append(make("option", { value }, value));
    bar.append(make("label", {}, `${label} `, select));
  }
  bar.append(make("button", { id: "reset", onclick: reset }, "As at first"));
  return bar;
}
/** @param {Event} event */
function filter(event) {
  const { value, dataset } = /** @type {HTMLSelectElement} */ (event.target);
  const facet = dataset.facet || "";
  if (value) state.facets[facet] = value;
  else delete state.facets[facet];
  update();
}
function reset() {
  Object.assign(state, { facets: {}, picks: {}, shown: {}, sorts: {}, panel: "" });
  for (const box of document.querySelectorAll("input[data-choice]")) {
    const view = views.get(box.closest("figure")?.id || "");
    const { choice } = /** @type {HTMLElement} */ (box).dataset;
    if (view && choice) /** @type {HTMLInputElement} */ (box).checked = switchedOn(view.panel).includes(choice);
  }
  update();
}
function showFilters() {
  for (const select of /** @type {NodeListOf<HTMLSelectElement>} */ (document.querySelectorAll("select[data-facet]"))) {
    const chosen = state.facets[select.dataset.facet || ""] || "";
    select.value = chosen;
    select.classList.toggle("active", Boolean(chosen));
  }
}
function turnTheme() {
  state.theme = theme() === "dark" ? "light" : "dark";
  try { localStorage.setItem("densebench-theme", state.theme); } catch { /* a page from disk may not store */ }
  showTheme();
  update();
}
const showTheme = () => document.documentElement.setAttribute("data-theme", theme());

// Plots are drawn as they come into view, and push down what lies below them: a permalink's panel is kept in place
// until the page has settled, or its reader does something.
let arrivesUntil = 0;
function stay() {
  const target = performance.now() < arrivesUntil && document.getElementById(state.panel);
  if (target) target.scrollIntoView({ behavior: "instant" });
}
function goToPanel() {
  arrivesUntil = state.panel ? performance.now() + 2000 : 0;
  stay();
}

try { state.theme = localStorage.getItem("densebench-theme") || ""; } catch { /* as above */ }
if (!["light", "dark"].includes(state.theme)) state.theme = "";
readAddress();
showTheme();
buildNavigation();
buildSections();
update();
for (const kind of ["wheel", "keydown", "pointerdown"]) addEventListener(kind, () => { arrivesUntil = 0; });
new ResizeObserver(stay).observe(/** @type {HTMLElement} */ (document.getElementById("main")));
goToPanel();
addEventListener("hashchange", () => { readAddress(); update(); goToPanel(); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { showTheme(); update(); });
