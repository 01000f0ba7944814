// Tables: sorted by a click, with what is the same folded away, and a link from each number to its run file.

const MOST_ROWS = 200;
const LONG_TEXT = 44;
const TALL = 25;

/** @param {Cell | string} value @returns {Cell} */
const cell = (value) => (typeof value === "string" ? { text: value } : value);
/** @param {Cell} one */
const sortKey = (one) => (one.sort === undefined ? null : one.sort);

/** @param {View} view */
function showTable(view) {
  const { panel, details } = view;
  if (!panel.table || (details && !details.open)) return;
  const table = panel.table;
  let lines = fitting(panel, table.lines);
  if (view.chosen.length) lines = lines.filter((line) => line.pick === undefined || view.chosen.includes(line.pick));
  const [column, falling] = sortOf(panel.key);
  if (column !== null && column < table.headers.length) lines = sorted(lines, column, falling);
  const plain = lines.filter((line) => !line.fold);
  const most = state.all[panel.key] ? plain.length : MOST_ROWS;
  /** @type {HTMLElement[]} */
  const parts = plain.length ? [makeTable(view, plain.slice(0, most), column, falling)] : [];
  if (plain.length > most) {
    const showAll = () => { state.all[panel.key] = true; showTable(view); };
    parts.push(make("p", { class: "note" }, `${most} of ${plain.length} rows. `, make("button", { onclick: showAll }, `Show all ${plain.length} rows`)));
  }
  for (const fold of new Set(lines.map((line) => line.fold).filter((name) => name !== undefined))) {
    const some = lines.filter((line) => line.fold === fold);
    const body = make("div");
    const open = (/** @type {Event} */ event) => {
      if (/** @type {HTMLDetailsElement} */ (event.target).open) body.replaceChildren(makeTable(view, some, column, falling));
    };
    parts.push(make("details", { ontoggle: open }, make("summary", {}, `${fold}: ${some.length}`), body));
  }
  view.table.replaceChildren(...(parts.length ? parts : [make("p", { class: "empty" }, "Nothing fits these filters.")]));
}
/** @param {View} view @param {Line[]} lines @param {number | null} column @param {boolean} falling */
function makeTable(view, lines, column, falling) {
  const { panel } = view;
  const table = /** @type {Table} */ (panel.table);
  const text = new Set(table.text_columns || [0]);
  const links = !panel.open && lines.some((line) => link(line.file));
  const head = make("tr");
  table.headers.forEach((header, place) => {
    const order = place === column ? (falling ? "descending" : "ascending") : null;
    const button = make("button", { onclick: () => sortBy(view, place) }, header || "–");
    head.append(make("th", { scope: "col", class: text.has(place) ? "text" : null, "aria-sort": order }, button));
  });
  if (links) head.append(make("th", { scope: "col", class: "text" }, "Raw"));
  const body = make("tbody");
  for (const line of lines) body.append(row(line, text, links));
  const scroll = make("div", { class: lines.length > TALL ? "scroll tall" : "scroll", tabindex: "0", role: "region", "aria-label": `${panel.title}, table` });
  scroll.append(make("table", {}, make("thead", {}, head), body));
  return scroll;
}
/** @param {Line} line @param {Set<number>} text @param {boolean} links */
function row(line, text, links) {
  const node = make("tr", { class: line.mark || null });
  const href = link(line.file);
  line.cells.map(cell).forEach((one, place) => {
    const number = href && !text.has(place) && sortKey(one) !== null;
    const shown = number ? make("a", { href, tabindex: "-1", title: line.file }, one.text) : one.text;
    const names = [text.has(place) && "text", text.has(place) && one.text.length > LONG_TEXT && "long", one.mark && `is-${one.mark}`];
    node.append(make("td", { class: names.filter(Boolean).join(" ") || null, title: one.title || null }, shown));
  });
  if (links) node.append(make("td", { class: "text" }, href ? make("a", { href, class: "raw", title: line.file }, "file") : ""));
  return node;
}
/** @param {string} key @returns {[number | null, boolean]} */
function sortOf(key) {
  const found = /^(\d{1,2})([ad])$/.exec(state.sorts[key] || "");
  return found ? [Number(found[1]), found[2] === "d"] : [null, false];
}
/** @param {Line[]} lines @param {number} column @param {boolean} falling */
function sorted(lines, column, falling) {
  const value = (/** @type {Line} */ line) => cell(line.cells[column]);
  const compare = (/** @type {Line} */ a, /** @type {Line} */ b) => {
    const [one, other] = [value(a), value(b)];
    const [x, y] = [sortKey(one), sortKey(other)];
    if (x !== null && y !== null) return x - y;
    if (x !== null) return falling ? 1 : -1; // what has no number stands last either way
    if (y !== null) return falling ? -1 : 1;
    return compareText(one.text, other.text);
  };
  return [...lines].sort((a, b) => (falling ? compare(b, a) : compare(a, b)));
}
/** @param {View} view @param {number} place */
function sortBy(view, place) {
  const [column, falling] = sortOf(view.panel.key);
  state.sorts[view.panel.key] = `${place}${column === place && !falling ? "d" : "a"}`;
  keepAddress();
  showTable(view);
  /** @type {HTMLElement} */ (view.table.querySelectorAll("th button")[place]).focus();
}
