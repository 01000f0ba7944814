// What the page's JSON holds (`bench/report/html/view.py` writes it), for the type checker alone: `tox -e script`.

type Facets = Record<string, string>;
interface Cell { text: string; sort?: number | null; mark?: string; title?: string }
interface Line { cells: (Cell | string)[]; facets?: Facets; file?: string; pick?: string; mark?: string; fold?: string }
interface Table { headers: string[]; lines: Line[]; text_columns?: number[] }
interface Trace {
  plot: Plot; facets?: Facets; pick?: string; choice?: string; cell?: string; files?: string | string[];
}
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Plot = Record<string, any>;
interface Item { facets?: Facets; pick?: string }
interface Card { image: string; label: number; row: number[]; pixels: string | null; name: string }
interface Shown extends Item {
  classes: string[]; cards: Card[]; grids: { title: string; cards: Card[] }[]; boxes: { kind: string; shape: string }[];
}
interface Panel {
  key: string; title: string; sentence: string; says: Record<string, string>; kind: string; traces: Trace[];
  layout: Plot; table: Table | null; pick: string | null; picks: string[]; tabs: boolean; pick_two: boolean;
  pair: string[]; first: string[]; choose: string; chosen: string[]; usual: Facets; pareto: Record<string, "min" | "max"> | null;
  open: boolean; onward: string[]; data: Shown[]; note: string;
}
interface Section { key: string; title: string; short: string; text: string; panels: Panel[] }
interface View {
  panel: Panel; permalink: HTMLAnchorElement; says: HTMLElement; picks: HTMLElement; body: HTMLElement; table: HTMLElement;
  details: HTMLDetailsElement | null; visible: boolean; drawn: boolean; chosen: string[];
}
interface PlotNode extends HTMLElement {
  on(name: string, call: (event: { points: { curveNumber: number; pointNumber: number }[] }) => void): void;
  removeAllListeners(name: string): void;
}
declare const Plotly: { react(node: HTMLElement, plots: Plot[], layout: Plot, options: Plot): void; purge(node: HTMLElement): void };
