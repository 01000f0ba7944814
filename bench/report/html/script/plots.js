// Plots, by Plotly, in the theme's colours; drawn when they come into view.

const NARROW = 560;
const ROW_HEIGHT = 24;
const COLOURS = {
  light: ["#0072B2", "#D55E00", "#009E73", "#B0559B", "#B07A00", "#3A9BD9", "#6B7480", "#7A5230", "#3F3F8F"],
  dark: ["#56B4E9", "#FF9A5C", "#3FCFA4", "#E39BCB", "#F0C04F", "#9AD0F5", "#9AA3AD", "#D0A880", "#A9A9F0"],
};
const INK = {
  light: { text: "#1b1e23", line: "#dfe2e6", card: "#ffffff", far: "#08306b" },
  dark: { text: "#e8eaed", line: "#343a41", card: "#1c2024", far: "#56b4e9" },
};

/** The same with the theme's colours for `@3` and the like. @param {any} value @returns {any} */
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
/** @param {Panel} panel @param {Plot[]} plots @param {boolean} narrow */
function layoutOf(panel, plots, narrow) {
  const ink = INK[theme()];
  const axis = { gridcolor: ink.line, zerolinecolor: ink.line, linecolor: ink.line, automargin: true };
  const own = paint(panel.layout);
  const legend = { orientation: "h", yanchor: "top", y: -80 / (own.height || 400), x: 0, font: { size: narrow ? 11 : 12 } };
  /** @type {Plot} */
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
    const rows = [...new Set(plots.flatMap((plot) => plot.y))];
    layout.height = Math.max(layout.height, 90 + ROW_HEIGHT * rows.length);
    const above = plots[0].type === "bar" ? 17 : plots[0].offsetgroup ? 32 : 9;
    layout.annotations = rows.map((y) => ({
      text: y, x: 0, xref: "paper", xanchor: "left", y, yref: "y", yshift: above, showarrow: false, font: { size: 9.5 },
    }));
  }
  return layout;
}
/** The line through what nothing beats on both axes. @param {Trace[]} traces @param {Record<string, "min" | "max">} better */
function front(traces, better) {
  const points = traces.map((trace) => [trace.plot.x[0], trace.plot.y[0]]);
  const sign = { min: 1, max: -1 };
  points.sort((a, b) => sign[better.x] * (a[0] - b[0]) || sign[better.y] * (a[1] - b[1]));
  /** @type {number[][]} */
  const kept = [];
  for (const point of points) {
    if (!kept.length || sign[better.y] * (point[1] - kept[kept.length - 1][1]) < 0) kept.push(point);
  }
  return {
    type: "scatter", mode: "lines", name: "not beaten on both", x: kept.map((p) => p[0]), y: kept.map((p) => p[1]),
    line: { dash: "dot", width: 2, color: "@6" }, hoverinfo: "skip",
  };
}
/** The traces of a panel that are drawn now. @param {View} view */
function shownTraces(view) {
  const { panel } = view;
  const on = switchedOn(panel);
  return fitting(panel, panel.traces).filter((trace) =>
    (trace.pick === undefined || view.chosen.includes(trace.pick)) && (trace.choice === undefined || on.includes(trace.choice)));
}
/** The traces that stand in one plot each: two picks beside each other, or a small plot per case.
 * @param {View} view @param {Trace[]} shown @returns {[string, Trace[]][]} */
function grouped(view, shown) {
  if (view.panel.pick_two && view.chosen.length > 1) {
    return view.chosen.map((pick) => ["", shown.filter((trace) => trace.pick === pick)]);
  }
  const cells = [...new Set(shown.map((trace) => trace.cell).filter((name) => name !== undefined))];
  return cells.length ? cells.map((name) => [name, shown.filter((trace) => trace.cell === name)]) : [["", shown]];
}
/** @param {View} view */
function drawPlot(view) {
  if (typeof Plotly === "undefined" || view.drawn) return;
  view.drawn = true;
  const { panel } = view;
  const shown = shownTraces(view);
  /** @type {NodeListOf<PlotNode>} */
  const old = view.body.querySelectorAll(".plot");
  if (!shown.length) {
    old.forEach((node) => Plotly.purge(node));
    view.body.replaceChildren(make("p", { class: "empty" }, panel.traces.length ? "Nothing fits these filters." : "Nothing to draw."));
    return;
  }
  const groups = grouped(view, shown);
  const names = groups.map(([name]) => name).join("\n");
  if (old.length !== groups.length || view.body.dataset.names !== names) {
    old.forEach((node) => Plotly.purge(node));
    view.body.dataset.names = names;
    const kind = groups.length === 1 ? "single" : groups[0][0] ? "multiples" : "pair";
    view.body.replaceChildren(make("div", { class: kind }, ...groups.map(([name]) => make("div", {}, name ? make("h4", {}, name) : null,
      make("div", { class: "plot", role: "img", "aria-label": `${name || panel.title}. ${view.says.textContent}` })))));
  }
  /** @type {NodeListOf<PlotNode>} */
  const nodes = view.body.querySelectorAll(".plot");
  const range = view.panel.pick_two && groups.length > 1 ? commonRange(shown) : null;
  groups.forEach(([, traces], place) => draw(nodes[place], panel, traces, range));
}
/** @param {Trace[]} traces */
function commonRange(traces) {
  const values = traces.flatMap((trace) => trace.plot.y).filter((y) => typeof y === "number");
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return [low - 0.04 * (high - low), high + 0.04 * (high - low)];
}
/** @param {PlotNode} node @param {Panel} panel @param {Trace[]} traces @param {number[] | null} range */
function draw(node, panel, traces, range) {
  const names = new Set();
  const narrow = node.clientWidth < NARROW;
  const plots = traces.map((trace) => {
    const plot = paint(trace.plot);
    if (plot.legendgroup !== undefined && plot.showlegend !== false) {
      plot.showlegend = !names.has(plot.legendgroup);
      names.add(plot.legendgroup);
    }
    return plot;
  });
  if (panel.pareto) plots.push(paint(front(traces, panel.pareto)));
  const layout = layoutOf(panel, plots, narrow);
  if (range) layout.yaxis.range = range;
  const entries = layout.showlegend ? plots.filter((plot) => plot.showlegend !== false).length : 0;
  layout.height += Math.max(0, Math.ceil(entries / (narrow ? 1 : 3)) - 2) * 18;
  node.style.minHeight = `${layout.height}px`;
  const options = { responsive: true, displaylogo: false, displayModeBar: false, scrollZoom: false };
  Plotly.react(node, plots, layout, options);
  node.removeAllListeners("plotly_click");
  node.on("plotly_click", (event) => {
    const [point] = event.points;
    const trace = traces[point.curveNumber];
    const href = trace && link(Array.isArray(trace.files) ? trace.files[point.pointNumber] : trace.files);
    if (href) open(href, "_blank", "noopener");
  });
}
function drawPlots() {
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      const view = views.get(entry.target.id);
      if (!view) continue;
      view.visible = entry.isIntersecting;
      if (view.visible) drawPlot(view);
    }
  }, { rootMargin: "300px" });
  for (const view of views.values()) {
    if (view.panel.kind === "plot") watcher.observe(/** @type {HTMLElement} */ (document.getElementById(view.panel.key)));
  }
}
