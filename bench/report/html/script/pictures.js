// Images with a model's answers, samples of a data set, and layers.

/** The data of the chosen item. @param {View} view */
const chosenData = (view) => fitting(view.panel, view.panel.data).filter((one) => one.pick !== undefined && view.chosen.includes(one.pick));
/** An image of 28 × 28 grey values. @param {string} pixels as base64 */
function picture(pixels) {
  const canvas = make("canvas", { width: 28, height: 28, "aria-hidden": "true" });
  const bytes = atob(pixels);
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const image = context.createImageData(28, 28);
  const ink = theme() === "dark" ? 235 : 20;
  for (let place = 0; place < 784; place += 1) image.data.set([ink, ink, ink, bytes.charCodeAt(place)], 4 * place);
  context.putImageData(image, 0, 0);
  return canvas;
}
/** @param {string[]} classes @param {Card} card */
function answerCard(classes, card) {
  const answer = card.row.indexOf(Math.max(...card.row));
  const right = answer === card.label;
  const bars = make("div", { class: "bars", "aria-hidden": "true" });
  card.row.forEach((share, place) => {
    const kind = place === card.label ? "right" : place === answer ? "wrong" : null;
    const bar = make("i", { class: kind, title: `${classes[place]}: ${(100 * share).toFixed(1)} %` });
    bar.style.height = `${100 * share}%`;
    bars.append(bar);
  });
  const percent = `${(100 * card.row[answer]).toFixed(0)} %`;
  const said = make("div", { class: right ? "right" : "wrong" }, `${right ? "✓" : "✗"} ${classes[answer]} ${percent}`);
  const truth = right ? null : make("div", {}, `is ${classes[card.label]}`);
  const text = make("div", { class: "answer" }, make("div", {}, card.image), said, truth, bars);
  const label = `${card.image}: answer ${classes[answer]}, ${percent}; label ${classes[card.label]}`;
  return make("div", { class: "card", role: "img", "aria-label": label }, card.pixels ? picture(card.pixels) : null, text);
}
/** @param {View} view */
function drawAnswers(view) {
  view.body.replaceChildren(...chosenData(view).map((one) =>
    make("div", { class: "cards" }, ...one.cards.map((card) => answerCard(one.classes, card)))));
}
/** @param {View} view */
function drawSamples(view) {
  const grids = chosenData(view).flatMap((one) => one.grids.filter((grid) => grid.cards.length));
  view.body.replaceChildren(...grids.flatMap((grid) => [
    make("h4", {}, grid.title),
    make("div", { class: "samples" }, ...grid.cards.map((card) =>
      make("div", { class: "sample", role: "img", "aria-label": `${card.image}: ${card.name}` }, picture(card.pixels || ""), make("div", {}, card.name)))),
  ]));
}
/** @param {View} view */
function drawLayers(view) {
  view.body.replaceChildren(...chosenData(view).map((one) => {
    const boxes = one.boxes.flatMap((box) => [
      make("span", { class: "arrow", "aria-hidden": "true" }, "→"),
      make("div", { class: "box" }, make("b", {}, box.kind), box.shape),
    ]);
    return make("div", { class: "layers" }, make("div", { class: "box" }, make("b", {}, "Image"), "28 × 28"), ...boxes);
  }));
}
/** @type {Record<string, (view: View) => void>} */
const DRAW = { answers: drawAnswers, samples: drawSamples, layers: drawLayers };
