"""How the HTML page looks: light and dark, on wide and on narrow screens."""

STYLE = """
:root {
  color-scheme: light dark;
  --text: #1f2328; --dim: #59636e; --page: #ffffff; --panel: #f6f8fa; --rule: #d1d9e0;
  --link: #0a58ca;
  --green: #1a7f37; --yellow: #8a6100; --red: #b3261e; --grey: #59636e; --violet: #6f42c1;
  --green-back: #e3f6e8; --yellow-back: #fff3cd; --red-back: #fde4e1; --violet-back: #efe6fb;
  --mark: #f9b8b1; --mark-yellow: #ffdf80;
}
@media (prefers-color-scheme: dark) {
  :root {
    --text: #e6edf3; --dim: #9198a1; --page: #0d1117; --panel: #161b22; --rule: #30363d;
    --link: #6cb0ff;
    --green: #56d364; --yellow: #e3b341; --red: #ff8a80; --grey: #9198a1; --violet: #c297ff;
    --green-back: #10281a; --yellow-back: #33290a; --red-back: #3a1614; --violet-back: #271a3d;
    --mark: #7d2a24; --mark-yellow: #6b5200;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 1rem; max-width: 72rem; background: var(--page); color: var(--text);
  font: 15px/1.5 system-ui, sans-serif; overflow-wrap: anywhere;
}
a { color: var(--link); }
article + article { border-top: 2px solid var(--rule); margin-top: 2rem; }
h1 { font-size: 1.3rem; border-left: .4rem solid var(--rule); padding-left: .6rem; }
h1.pass { border-color: var(--green); }
h1.fail { border-color: var(--red); }
h1.not-comparable { border-color: var(--yellow); }
h2 { font-size: 1.1rem; margin: 1.8rem 0 .5rem; }
h3 { font-size: .95rem; font-weight: normal; margin: 1.2rem 0 .3rem; }
code, pre { font: 13px/1.5 ui-monospace, monospace; tab-size: 4; }
h3 > code, h3 > a > code, summary > code { font-weight: 600; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem .8rem; margin: 0; }
dt { color: var(--dim); }
dd { margin: 0; }
ul { margin: .3rem 0; padding-left: 1.3rem; }
.blocking { color: var(--red); }
pre {
  margin: .3rem 0; padding: .5rem .7rem; background: var(--panel); border: 1px solid var(--rule);
  border-radius: 6px; white-space: pre-wrap;
}
pre del { color: var(--dim); text-decoration: none; }
pre del::before { content: "- "; }
pre ins { text-decoration: none; }
pre ins::before { content: "+ "; }
mark { color: inherit; background: var(--mark); border-radius: 2px; }
mark.unstable { background: var(--mark-yellow); }
mark.specialized { background: var(--green-back); }
.state.specialized { color: var(--green); }
.state.unstable { color: var(--yellow); }
.state.adaptive { color: var(--red); }
.state.cold { color: var(--grey); }
.state.hidden { color: var(--violet); }
.scroll { overflow-x: auto; }
.figures { border-collapse: collapse; }
.figures th, .figures td {
  text-align: right; padding: .15rem .6rem; border-bottom: 1px solid var(--rule);
  white-space: nowrap; font-variant-numeric: tabular-nums;
}
.figures th { color: var(--dim); font-weight: normal; }
.figures th:first-child, .figures td:first-child { text-align: left; padding-left: 0; }
details { margin: .4rem 0; }
summary { cursor: pointer; }
.source { border-collapse: collapse; width: 100%; margin-top: .3rem; }
.source th, .source td { vertical-align: top; padding: 0 .5rem; }
.source th, .source td:nth-child(2) {
  font: 12px/1.6 ui-monospace, monospace; color: var(--dim); text-align: right; width: 1%;
  white-space: nowrap; user-select: none;
}
.source td:last-child { border-left: 3px solid transparent; }
.source code { white-space: pre-wrap; }
.source details { margin: 0; }
.source summary { list-style: none; }
.source summary > code { font-weight: normal; }
.source summary::-webkit-details-marker { display: none; }
.source summary::after { content: " …"; color: var(--dim); }
.source tr.specialized td:last-child { background: var(--green-back); border-color: var(--green); }
.source tr.unstable td:last-child { background: var(--yellow-back); border-color: var(--yellow); }
.source tr.adaptive td:last-child { background: var(--red-back); border-color: var(--red); }
.source tr.hidden td:last-child { background: var(--violet-back); border-color: var(--violet); }
.source tr.cold td:last-child { border-color: var(--grey); }
.source tr:target th, section:target h3 { outline: 2px solid var(--link); }
@media (max-width: 40rem) {
  body { padding: .6rem; }
  dl { grid-template-columns: 1fr; }
  dd { margin-bottom: .3rem; }
  .source th, .source td { padding: 0 .25rem; }
  .source td:nth-child(2) { white-space: normal; min-width: 2.2rem; }
}
"""
