// The look of the page: light, dark and paper; a phone shows the drawings that were made for it.

export const style = `
:root { color-scheme: light dark; --ink: #1d2733; --soft: #55616e; --line: #d9dfe5; --card: #f5f7f9; --page: #fff; --mark: #9a3412; --mark-ground: #fff4ec; --focus: #1d6fb8; }
@media (prefers-color-scheme: dark) { :root { --ink: #e3e8ed; --soft: #9fabb7; --line: #33404c; --card: #1b242d; --page: #12181e; --mark: #fdba74; --mark-ground: #2e1f14; --focus: #7cc0f5; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 62rem; background: var(--page); color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
h1 { margin: 0; font-size: 1.9rem; line-height: 1.2; letter-spacing: -0.01em; overflow-wrap: anywhere; }
h2 { margin: 3rem 0 0.5rem; font-size: 1.25rem; }
h2 + * { margin-top: 0; }
p { margin: 0.75rem 0; max-width: 46rem; overflow-wrap: anywhere; }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; border-radius: 3px; }
.skip { position: absolute; left: 0.5rem; top: -4rem; padding: 0.5rem 0.9rem; background: var(--page); color: var(--ink); }
.skip:focus { top: 0.5rem; }
.subtitle { color: var(--soft); margin: 0.4rem 0 1.5rem; }
nav ul { list-style: none; margin: 1.5rem 0 0; padding: 0; font-size: 0.9rem; display: flex; flex-wrap: wrap; gap: 0.2rem 1.1rem; }
nav a { display: inline-block; padding: 0.2rem 0; }
a { color: inherit; text-decoration-color: var(--soft); text-underline-offset: 0.2em; }
.notice { border-left: 4px solid var(--mark); background: var(--mark-ground); color: var(--mark); padding: 0.75rem 1rem; max-width: none; }
.headlines { display: grid; grid-template-columns: repeat(auto-fit, minmax(12.5rem, 1fr)); gap: 0.9rem; margin: 0; }
.headlines > div { background: var(--card); border-radius: 10px; padding: 0.9rem 1.1rem; display: flex; flex-direction: column; }
.headlines dt { color: var(--soft); font-size: 0.85rem; }
.headlines dd { margin: 0; }
.headlines dd.value { font-size: 1.55rem; font-weight: 650; font-variant-numeric: tabular-nums; }
.headlines dd.note { color: var(--soft); font-size: 0.85rem; }
figure { margin: 1.25rem 0 1.75rem; }
figcaption { font-weight: 600; font-size: 0.95rem; margin-bottom: 0.4rem; max-width: 46rem; }
figure svg { display: block; max-width: 100%; height: auto; color: var(--ink); }
figure svg.narrow { display: none; }
details { margin: 0.5rem 0; }
summary { cursor: pointer; color: var(--soft); font-size: 0.9rem; padding: 0.2rem 0; }
.scroll { overflow-x: auto; margin: 1rem 0; }
details .scroll { margin: 0.4rem 0 1rem; max-height: 28rem; overflow-y: auto; }
table { border-collapse: collapse; font-size: 0.92rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.35rem 1.1rem 0.35rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
thead th { color: var(--soft); font-weight: 600; }
tbody th { font-weight: 400; }
.number { text-align: right; white-space: nowrap; }
.words { min-width: 10rem; }
thead .number { white-space: normal; vertical-align: bottom; }
pre { background: var(--card); border-radius: 8px; padding: 0.9rem 1.1rem; overflow-x: auto; font-size: 0.87rem; line-height: 1.5; }
pre.text { white-space: pre-wrap; overflow-wrap: anywhere; }
pre.yaml { max-height: 30rem; overflow-y: auto; }
code { font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace; font-size: 0.92em; }
p code, td code, th code { background: var(--card); padding: 0.1em 0.3em; border-radius: 4px; }
tbody th code, td code { white-space: nowrap; }
footer { margin-top: 3rem; color: var(--soft); font-size: 0.85rem; }
@media (max-width: 40rem) { body { padding: 1.25rem 1rem 3rem; } h1 { font-size: 1.5rem; } figure svg.wide { display: none; } figure svg.narrow { display: block; width: 100%; max-width: 30rem; } th, td { padding-right: 0.9rem; } }
@media print { body { max-width: none; } figure, .headlines > div { break-inside: avoid; } nav, .skip { display: none; } pre.yaml, details .scroll { max-height: none; } }
`;
