// The page's data, and what the reader chose, which the address keeps.

/** A page's data: labels of the facets, links of run files, the chapters, and what their items have by number.
 * @type {{facets: Record<string, string>, links: Record<string, string>, sections: Section[], facet_sets: Facets[],
 *   files: string[]}} */
const data = JSON.parse(/** @type {HTMLElement} */ (document.getElementById("data")).textContent || "");

/** What a panel has where the JSON leaves it out. */
const USUAL_PANEL = {
  says: {}, kind: "plot", traces: [], layout: {}, table: null, pick: null, picks: [], tabs: false, pick_two: false, pair: [],
  first: [], choose: "", chosen: [], usual: {}, pareto: null, open: false, onward: [], data: [], note: "",
};
for (const section of data.sections) {
  section.panels = section.panels.map((panel) => ({ ...USUAL_PANEL, ...panel, data: panel.data || [] }));
  for (const panel of section.panels) for (const item of [...panel.traces, ...(panel.table ? panel.table.lines : [])]) unpack(item);
}
/** Put facets and file names in the place of their numbers. @param {Record<string, any>} item */
function unpack(item) {
  if (typeof item.facets === "number") item.facets = data.facet_sets[item.facets];
  for (const name of ["file", "files"]) if (typeof item[name] === "number") item[name] = data.files[item[name]];
}
const ALL = "*";
const YOURS = "yours";

/** What the reader chose.
 * @type {{facets: Facets, picks: Record<string, string[]>, shown: Record<string, string[]>, sorts: Record<string, string>,
 *   all: Record<string, boolean>, panel: string, theme: string}} */
const state = { facets: {}, picks: {}, shown: {}, sorts: {}, all: {}, panel: "", theme: "" };
/** @type {Map<string, View>} */
const views = new Map();

/** An element with attributes and children; what is `null` or `false` is left out, and `on...` is listened to.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag @param {Record<string, any>} [attributes] @param {...(Node | string | null)} children */
function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") node.className = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children) if (child !== null) node.append(child);
  return node;
}
/** @param {string} a @param {string} b */
const compareText = (a, b) => a.localeCompare(b, "en", { numeric: true });
/** @returns {"light" | "dark"} */
const theme = () => (state.theme === "light" || state.theme === "dark" ? state.theme : systemTheme());
const systemTheme = () => (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
/** Where a run file lies, seen from the page. @param {string | null | undefined} file */
const link = (file) => (file && Object.hasOwn(data.links, file) ? data.links[file] : null);

function readAddress() {
  const words = new URLSearchParams(location.hash.slice(1));
  Object.assign(state, { facets: {}, picks: {}, shown: {}, sorts: {}, panel: words.get("panel") || "" });
  for (const [name, value] of words) {
    if (Object.hasOwn(data.facets, name)) state.facets[name] = value;
    else if (name.startsWith("pick.")) state.picks[name.slice(5)] = words.getAll(name).slice(0, 2);
    else if (name.startsWith("show.")) state.shown[name.slice(5)] = words.getAll(name);
    else if (name.startsWith("sort.")) state.sorts[name.slice(5)] = value;
  }
}
/** The address of a panel with all that was chosen. @param {string} panel */
function address(panel) {
  const words = new URLSearchParams();
  if (panel) words.set("panel", panel);
  for (const [name, value] of Object.entries(state.facets)) words.set(name, value);
  for (const [name, values] of Object.entries(state.picks)) for (const value of values) words.append(`pick.${name}`, value);
  for (const [name, values] of Object.entries(state.shown)) for (const value of values) words.append(`show.${name}`, value);
  for (const [name, value] of Object.entries(state.sorts)) words.set(`sort.${name}`, value);
  return `#${words}`;
}
function keepAddress() {
  const now = address(state.panel);
  history.replaceState(null, "", now === "#" ? location.pathname + location.search : now);
  for (const [key, view] of views) view.permalink.setAttribute("href", address(key));
}

/** The items of a panel that fit what the reader filters by; of what is left open the usual ones and the reader's own,
 * where there are any.
 * @template {Item} T
 * @param {Panel} panel @param {readonly T[]} items @returns {T[]} */
function fitting(panel, items) {
  /** @param {string} name @param {string} value */
  const having = (name, value) => (/** @type {T} */ item) =>
    !item.facets || !Object.hasOwn(item.facets, name) || item.facets[name] === value;
  let found = [...items];
  for (const [name, value] of Object.entries(state.facets)) if (value !== ALL) found = found.filter(having(name, value));
  for (const [name, value] of Object.entries(panel.usual)) {
    if (Object.hasOwn(state.facets, name)) continue;
    const usual = having(name, value);
    const fewer = found.filter(usual);
    if (fewer.length) found = found.filter((item) => usual(item) || (item.facets || {}).origin === YOURS);
  }
  return found;
}
