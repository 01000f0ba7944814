"use strict";
// Draws the page from the JSON in it. All text goes in as text, never as HTML.
const densebench = (() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const panels = new Map();
  for (const section of data.sections) for (const panel of section.panels) panels.set(panel.key, panel);
  const state = { facets: {}, picks: {}, sorts: {}, all: {}, panel: "", theme: "" };
  const views = new Map();
  const MOST_ROWS = 200;
  const LONG_TEXT = 44;
  const NARROW = 640;
  const COLOURS = {
    light: ["#0072B2", "#D55E00", "#009E73", "#B0559B", "#B07A00", "#3A9BD9", "#6B7480", "#7A5230", "#3F3F8F"],
    dark: ["#56B4E9", "#FF9A5C", "#3FCFA4", "#E39BCB", "#F0C04F", "#9AD0F5", "#9AA3AD", "#D0A880", "#A9A9F0"],
  };
  const INK = {
    light: { text: "#1b1e23", line: "#dfe2e6", card: "#ffffff", far: "#08306b" },
    dark: { text: "#e8eaed", line: "#343a41", card: "#1c2024", far: "#56b4e9" },
  };

  // --- small things -------------------------------------------------------------------------------------------------
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
  const theme = () => state.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  const cell = (value) => (typeof value === "string" ? { text: value, sort: null } : value);
  const passes = (item) =>
    Object.entries(state.facets).every(([name, value]) => !Object.hasOwn(item.facets || {}, name) || item.facets[name] === value);
  const link = (file) => (file && Object.hasOwn(data.links, file) ? data.links[file] : null);

  // --- what the reader chose, in the address ----------------------------------------------------------------------
  function readAddress() {
    const words = new URLSearchParams(location.hash.slice(1));
    state.facets = {};
    state.picks = {};
    state.sorts = {};
    state.panel = words.get("panel") || "";
    for (const [name, value] of words) {
      if (Object.hasOwn(data.facets, name)) state.facets[name] = value;
      else if (name.startsWith("pick.")) state.picks[name.slice(5)] = words.getAll(name).slice(0, 2);
      else if (name.startsWith("sort.")) state.sorts[name.slice(5)] = value;
    }
  }
  function address(panel) {
    const words = new URLSearchParams();
    if (panel) words.set("panel", panel);
    for (const [name, value] of Object.entries(state.facets)) words.set(name, value);
    for (const [name, values] of Object.entries(state.picks)) for (const value of values) words.append(`pick.${name}`, value);
    for (const [name, value] of Object.entries(state.sorts)) words.set(`sort.${name}`, value);
    return `#${words}`;
  }
  function keepAddress() {
    history.replaceState(null, "", address(state.panel) === "#" ? location.pathname + location.search : address(state.panel));
    for (const [key, view] of views) view.permalink.setAttribute("href", address(key));
  }

  // --- controls -----------------------------------------------------------------------------------------------------
  function allItems() {
    const items = [];
    for (const panel of panels.values()) {
      items.push(...panel.traces, ...(panel.table ? panel.table.lines : []));
    }
    return items;
  }
  function buildControls() {
    const nav = make("nav", { "aria-label": "Chapters" });
    for (const section of data.sections) nav.append(make("a", { href: `#chapter-${section.key}`, onclick: jump }, section.title));
    const bar = make("div", { class: "filters", role: "group", "aria-label": "Filters" });
    const items = allItems();
    for (const [name, label] of Object.entries(data.facets)) {
      const values = [...new Set(items.map((item) => (item.facets || {})[name]).filter(Boolean))].sort(compareText);
      if (values.length < 2) continue;
      const select = make("select", { id: `facet-${name}`, "data-facet": name, onchange: filter });
      select.append(make("option", { value: "" }, "all"));
      for (const value of values) select.append(make("option", { value }, value));
      bar.append(make("label", {}, `${label} `, select));
    }
    bar.append(make("button", { id: "reset", onclick: reset }, "Show all"));
    bar.append(make("button", { id: "theme", onclick: turnTheme, "aria-label": "Light or dark" }, "◐"));
    document.getElementById("controls").append(nav, bar);
  }
  const compareText = (a, b) => a.localeCompare(b, "en", { numeric: true });
  function jump(event) {
    event.preventDefault();
    const target = document.getElementById(event.target.getAttribute("href").slice(1));
    target.scrollIntoView();
    target.focus({ preventScroll: true });
  }
  function filter(event) {
    const { facet } = event.target.dataset;
    if (event.target.value) state.facets[facet] = event.target.value;
    else delete state.facets[facet];
    update();
  }
  function reset() {
    Object.assign(state, { facets: {}, picks: {}, sorts: {}, panel: "" });
    update();
  }
  function turnTheme() {
    state.theme = theme() === "dark" ? "light" : "dark";
    try { localStorage.setItem("densebench-theme", state.theme); } catch { /* a page from disk may not store */ }
    showTheme();
    for (const view of views.values()) view.drawn = false;
    update();
  }
  const showTheme = () => document.documentElement.setAttribute("data-theme", theme());
  function showControls() {
    for (const select of document.querySelectorAll("select[data-facet]")) {
      const chosen = state.facets[select.dataset.facet] || "";
      select.value = chosen;
      select.classList.toggle("active", Boolean(chosen));
    }
  }

  // --- panels -------------------------------------------------------------------------------------------------------
  function buildSections() {
    const main = document.getElementById("main");
    for (const section of data.sections) {
      const node = make("section", { id: `chapter-${section.key}`, tabindex: "-1", "aria-labelledby": `title-${section.key}` });
      node.append(make("h2", { id: `title-${section.key}` }, section.title), make("p", {}, section.text));
      for (const panel of section.panels) node.append(buildPanel(panel));
      if (!section.panels.length) node.append(make("p", { class: "empty" }, "Nothing is stored that this chapter could show."));
      main.append(node);
    }
  }
  function buildPanel(panel) {
    const permalink = make("a", { class: "link", "aria-label": `Permalink: ${panel.title}`, onclick: () => { state.panel = panel.key; } }, "#");
    const sentence = make("p", { id: `says-${panel.key}` }, panel.sentence);
    const picks = make("div", { class: "picks" });
    const body = make("div", { class: "body" });
    const view = { panel, permalink, picks, body, table: make("div"), visible: false, drawn: false, details: null };
    views.set(panel.key, view);
    const figure = make("figure", { id: panel.key, tabindex: "-1", "aria-describedby": `says-${panel.key}` });
    figure.append(make("figcaption", {}, make("h3", {}, panel.title), permalink, sentence), picks, body);
    if (panel.note) figure.append(make("p", { class: "note" }, panel.note));
    if (panel.kind === "table") {
      body.append(view.table);
    } else if (panel.table) {
      view.details = make("details", { ontoggle: () => showTable(view) }, make("summary", {}, "As a table"), view.table);
      figure.append(view.details);
    }
    return figure;
  }
  function itemsOf(panel) {
    return [...panel.traces, ...(panel.data || []), ...(panel.table ? panel.table.lines : [])].filter(passes);
  }
  function showPicks(view) {
    const { panel } = view;
    if (!panel.pick) return [];
    const values = [...new Set(itemsOf(panel).map((item) => item.pick).filter((pick) => pick !== null && pick !== undefined))];
    const wanted = (state.picks[panel.key] || []).filter((value) => values.includes(value));
    const usual = panel.first.filter((value) => values.includes(value));
    const fitting = wanted.length ? wanted : usual.length ? usual : values;
    const chosen = fitting.slice(0, panel.pick_two && (wanted.length || usual.length) ? 2 : 1);
    view.picks.replaceChildren();
    if (values.length > 1 || panel.pick_two) {
      view.picks.append(pickLabel(view, panel.pick, values, chosen[0], 0));
      if (panel.pick_two) view.picks.append(pickLabel(view, "beside", ["", ...values], chosen[1] || "", 1));
    }
    return chosen;
  }
  function pickLabel(view, label, values, chosen, place) {
    const select = make("select", { "data-pick": view.panel.key, "data-place": place });
    for (const value of values) select.append(make("option", { value }, value || "none"));
    select.value = chosen;
    select.addEventListener("change", () => {
      const now = state.picks[view.panel.key] ? [...state.picks[view.panel.key]] : [...view.chosen];
      now[place] = select.value;
      state.picks[view.panel.key] = now.filter(Boolean);
      keepAddress();
      showPanel(view);
      view.picks.querySelectorAll("select")[place].focus();
    });
    return make("label", {}, `${label} `, select);
  }
  function showPanel(view) {
    view.chosen = showPicks(view);
    if (view.panel.kind === "plot") {
      view.drawn = false;
      if (view.visible) drawPlot(view);
    } else if (view.panel.kind !== "table") {
      DRAW[view.panel.kind](view);
    }
    showTable(view);
  }
  function update() {
    showControls();
    for (const view of views.values()) showPanel(view);
    keepAddress();
  }

  // --- tables -------------------------------------------------------------------------------------------------------
  function showTable(view) {
    const { panel } = view;
    if (!panel.table || (view.details && !view.details.open)) return;
    let lines = panel.table.lines.filter(passes);
    if (view.chosen.length) lines = lines.filter((line) => line.pick === null || view.chosen.includes(line.pick));
    const [column, falling] = sortOf(panel.key);
    if (column !== null && column < panel.table.headers.length) lines = sorted(lines, column, falling);
    const most = state.all[panel.key] ? lines.length : MOST_ROWS;
    const text = new Set(panel.table.text_columns);
    const head = make("tr");
    panel.table.headers.forEach((header, place) => {
      const order = place === column ? (falling ? "descending" : "ascending") : null;
      const button = make("button", { onclick: () => sortBy(view, place) }, header || "–");
      head.append(make("th", { scope: "col", class: text.has(place) ? "text" : null, "aria-sort": order }, button));
    });
    head.append(make("th", { scope: "col", class: "text" }, "Raw"));
    const body = make("tbody");
    for (const line of lines.slice(0, most)) body.append(row(line, text));
    const scroll = make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `${panel.title}, table` });
    scroll.append(make("table", {}, make("thead", {}, head), body));
    view.table.replaceChildren(lines.length ? scroll : make("p", { class: "empty" }, "Nothing fits these filters."));
    if (lines.length > most) {
      const more = make("button", { onclick: () => { state.all[panel.key] = true; showTable(view); } }, `Show all ${lines.length} rows`);
      view.table.append(make("p", { class: "note" }, `${most} of ${lines.length} rows. `, more));
    }
  }
  function row(line, text) {
    const node = make("tr", { class: line.mark || null });
    const href = link(line.file);
    line.cells.map(cell).forEach((one, place) => {
      const shown = href && !text.has(place) && one.sort !== null ? make("a", { href, tabindex: "-1", title: line.file }, one.text) : one.text;
      const long = one.text.length > LONG_TEXT ? " long" : "";
      node.append(make("td", { class: text.has(place) ? `text${long}` : null }, shown));
    });
    node.append(make("td", { class: "text" }, href ? make("a", { href, class: "raw", title: line.file }, "file") : ""));
    return node;
  }
  function sortOf(key) {
    const found = /^(\d{1,2})([ad])$/.exec(state.sorts[key] || "");
    return found ? [Number(found[1]), found[2] === "d"] : [null, false];
  }
  function sorted(lines, column, falling) {
    const value = (line) => cell(line.cells[column]);
    const compare = (a, b) => {
      const [x, y] = [value(a), value(b)];
      if (x.sort !== null && y.sort !== null) return x.sort - y.sort;
      if (x.sort !== null) return falling ? 1 : -1; // what has no number stands last either way
      if (y.sort !== null) return falling ? -1 : 1;
      return compareText(x.text, y.text);
    };
    return [...lines].sort((a, b) => (falling ? compare(b, a) : compare(a, b)));
  }
  function sortBy(view, place) {
    const [column, falling] = sortOf(view.panel.key);
    state.sorts[view.panel.key] = `${place}${column === place && !falling ? "d" : "a"}`;
    keepAddress();
    showTable(view);
    view.table.querySelectorAll("th button")[place].focus();
  }

  // --- plots --------------------------------------------------------------------------------------------------------
  function paint(value) {
    if (Array.isArray(value)) return value.map(paint);
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, paint(one)]));
    }
    if (value === "@scale") return [[0, INK[theme()].card], [1, INK[theme()].far]];
    const found = typeof value === "string" && /^@(\d+)(?:\/([0-9a-f]{2}))?$/.exec(value);
    if (!found) return value;
    const colours = COLOURS[theme()];
    return colours[Number(found[1]) % colours.length] + (found[2] || "");
  }
  function layoutOf(panel, plots) {
    const ink = INK[theme()];
    const narrow = innerWidth < NARROW;
    const axis = { gridcolor: ink.line, zerolinecolor: ink.line, linecolor: ink.line, automargin: true };
    const own = paint(panel.layout);
    const legend = { orientation: "h", yanchor: "top", y: -80 / (own.height || 400), x: 0, font: { size: narrow ? 11 : 12 } };
    const layout = {
      height: 400, margin: { l: 10, r: 14, t: 14, b: 10 }, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { color: ink.text, family: "system-ui, sans-serif", size: narrow ? 11 : 13 }, hoverlabel: { align: "left" },
      dragmode: narrow ? false : "zoom", showlegend: false, ...own, legend,
      xaxis: { ...axis, ...own.xaxis }, yaxis: { ...axis, ...own.yaxis },
    };
    for (const side of ["xaxis", "yaxis"]) {
      if (layout[side].title) layout[side].title = { ...layout[side].title, standoff: 8 };
    }
    if (narrow && layout.yaxis.type === "category") {
      // Plotly's own labels inside the axes can send its automatic range round in circles (seen at 390 pixels).
      layout.yaxis = { ...layout.yaxis, showticklabels: false, automargin: false };
      layout.bargap = 0.6;
      const above = plots[0].type === "bar" ? 17 : plots[0].offsetgroup ? 32 : 9;
      layout.annotations = [...new Set(plots.flatMap((plot) => plot.y))].map((y) => ({
        text: y, x: 0, xref: "paper", xanchor: "left", y, yref: "y", yshift: above, showarrow: false, font: { size: 9.5 },
      }));
    }
    return layout;
  }
  function front(traces, better) {
    const points = traces.map((trace) => [trace.plot.x[0], trace.plot.y[0]]);
    const sign = { min: 1, max: -1 };
    points.sort((a, b) => sign[better.x] * (a[0] - b[0]) || sign[better.y] * (a[1] - b[1]));
    const kept = [];
    for (const point of points) {
      if (!kept.length || sign[better.y] * (point[1] - kept[kept.length - 1][1]) < 0) kept.push(point);
    }
    return {
      type: "scatter", mode: "lines", name: "not beaten on both", x: kept.map((p) => p[0]), y: kept.map((p) => p[1]),
      line: { dash: "dot", width: 2, color: "@6" }, hoverinfo: "skip",
    };
  }
  function drawPlot(view) {
    if (typeof Plotly === "undefined" || view.drawn) return;
    view.drawn = true;
    const { panel } = view;
    const shown = panel.traces.filter(passes).filter((trace) => trace.pick === null || view.chosen.includes(trace.pick));
    const groups = panel.pick_two && view.chosen.length > 1
      ? view.chosen.map((pick) => shown.filter((trace) => trace.pick === pick)) : [shown];
    const old = [...view.body.querySelectorAll(".plot")];
    if (!shown.length) {
      old.forEach((node) => Plotly.purge(node));
      view.body.replaceChildren(make("p", { class: "empty" }, "Nothing fits these filters."));
      return;
    }
    if (old.length !== groups.length) {
      old.forEach((node) => Plotly.purge(node));
      view.body.replaceChildren(make("div", { class: groups.length > 1 ? "pair" : "single" }, ...groups.map(() =>
        make("div", { class: "plot", role: "img", "aria-label": `${panel.title}. ${panel.sentence}` }))));
    }
    const nodes = view.body.querySelectorAll(".plot");
    const range = groups.length > 1 ? commonRange(shown) : null;
    groups.forEach((traces, place) => draw(nodes[place], panel, traces, range));
  }
  function commonRange(traces) {
    const values = traces.flatMap((trace) => trace.plot.y).filter((y) => typeof y === "number");
    const [low, high] = [Math.min(...values), Math.max(...values)];
    return [low - 0.04 * (high - low), high + 0.04 * (high - low)];
  }
  function draw(node, panel, traces, range) {
    const names = new Set();
    const plots = traces.map((trace) => {
      const plot = paint(trace.plot);
      if (plot.legendgroup !== undefined && plot.showlegend !== false) {
        plot.showlegend = !names.has(plot.legendgroup);
        names.add(plot.legendgroup);
      }
      return plot;
    });
    if (panel.pareto) plots.push(paint(front(traces, panel.pareto)));
    const layout = layoutOf(panel, plots);
    if (range) layout.yaxis.range = range;
    const entries = layout.showlegend ? plots.filter((plot) => plot.showlegend !== false).length : 0;
    layout.height += Math.max(0, Math.ceil(entries / (innerWidth < NARROW ? 1 : 3)) - 2) * 18;
    const options = { responsive: true, displaylogo: false, displayModeBar: false, scrollZoom: false };
    Plotly.react(node, plots, layout, options);
    node.removeAllListeners("plotly_click");
    node.on("plotly_click", (event) => {
      const [point] = event.points;
      const trace = traces[point.curveNumber];
      const file = trace && (Array.isArray(trace.files) ? trace.files[point.pointNumber] : trace.files);
      if (link(file)) open(link(file), "_blank", "noopener");
    });
  }
  function drawPlots() {
    const watcher = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        const view = views.get(entry.target.id);
        view.visible = entry.isIntersecting;
        if (view.visible) drawPlot(view);
      }
    }, { rootMargin: "300px" });
    for (const [key, view] of views) if (view.panel.kind === "plot") watcher.observe(document.getElementById(key));
  }

  // --- pictures -----------------------------------------------------------------------------------------------------
  const chosenData = (view) => view.panel.data.filter(passes).filter((one) => view.chosen.includes(one.pick));
  function picture(pixels) {
    const canvas = make("canvas", { width: 28, height: 28, "aria-hidden": "true" });
    const bytes = atob(pixels);
    const context = canvas.getContext("2d");
    const image = context.createImageData(28, 28);
    const ink = theme() === "dark" ? 235 : 20;
    for (let place = 0; place < 784; place += 1) image.data.set([ink, ink, ink, bytes.charCodeAt(place)], 4 * place);
    context.putImageData(image, 0, 0);
    return canvas;
  }
  function drawAnswers(view) {
    view.body.replaceChildren(...chosenData(view).map((one) => make("div", { class: "cards" }, ...one.cards.map((card) => {
      const answer = card.row.indexOf(Math.max(...card.row));
      const right = answer === card.label;
      const bars = make("div", { class: "bars", "aria-hidden": "true" });
      card.row.forEach((share, place) => {
        const kind = place === card.label ? "right" : place === answer ? "wrong" : null;
        const bar = make("i", { class: kind, title: `${one.classes[place]}: ${(100 * share).toFixed(1)} %` });
        bar.style.height = `${100 * share}%`;
        bars.append(bar);
      });
      const percent = `${(100 * card.row[answer]).toFixed(0)} %`;
      const said = make("div", { class: right ? "right" : "wrong" }, `${right ? "✓" : "✗"} ${one.classes[answer]} ${percent}`);
      const truth = right ? null : make("div", {}, `is ${one.classes[card.label]}`);
      const text = make("div", { class: "answer" }, make("div", {}, card.image), said, truth, bars);
      const label = `${card.image}: answer ${one.classes[answer]}, ${percent}; label ${one.classes[card.label]}`;
      return make("div", { class: "card", role: "img", "aria-label": label }, card.pixels ? picture(card.pixels) : null, text);
    }))));
  }
  function drawSamples(view) {
    const grids = chosenData(view).flatMap((one) => one.grids.filter((grid) => grid.cards.length));
    view.body.replaceChildren(...grids.flatMap((grid) => [
      make("h4", {}, grid.title),
      make("div", { class: "samples" }, ...grid.cards.map((card) =>
        make("div", { class: "sample", role: "img", "aria-label": `${card.image}: ${card.name}` }, picture(card.pixels), make("div", {}, card.name)))),
    ]));
  }
  function drawLayers(view) {
    view.body.replaceChildren(...chosenData(view).map((one) => {
      const boxes = one.boxes.flatMap((box) => [
        make("span", { class: "arrow", "aria-hidden": "true" }, "→"),
        make("div", { class: "box" }, make("b", {}, box.kind), box.shape),
      ]);
      return make("div", { class: "layers" }, make("div", { class: "box" }, make("b", {}, "Image"), "28 × 28"), ...boxes);
    }));
  }
  const DRAW = { answers: drawAnswers, samples: drawSamples, layers: drawLayers };

  // --- start --------------------------------------------------------------------------------------------------------
  try { state.theme = localStorage.getItem("densebench-theme") || ""; } catch { /* as above */ }
  if (!["light", "dark"].includes(state.theme)) state.theme = "";
  readAddress();
  showTheme();
  buildControls();
  buildSections();
  update();
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
  for (const kind of ["wheel", "keydown", "pointerdown"]) addEventListener(kind, () => { arrivesUntil = 0; });
  new ResizeObserver(stay).observe(document.getElementById("main"));
  goToPanel();
  addEventListener("hashchange", () => { readAddress(); update(); goToPanel(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { showTheme(); update(); });
  return { drawPlots, state };
})();
