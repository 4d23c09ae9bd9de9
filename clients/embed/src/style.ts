/** The style of the widget. A page sets the colors, the font and the radius with `--puras-…`, and the scheme with `color-scheme`. */
export const STYLE = `
:host { display: block; color-scheme: light dark; container-type: inline-size; }
:host([hidden]), [hidden] { display: none !important; }
* { box-sizing: border-box; }
.widget {
  --text: var(--puras-text, light-dark(#1c1c22, #ececf1));
  --muted: var(--puras-muted, light-dark(#5b5b66, #a9a9b5));
  --background: var(--puras-background, light-dark(#ffffff, #17171c));
  --border: var(--puras-border, light-dark(#85858f, #74747f));
  --accent: var(--puras-accent, light-dark(#3f3ab0, #b3b0ff));
  --on-accent: var(--puras-on-accent, light-dark(#ffffff, #17171c));
  --problem: var(--puras-problem, light-dark(#b3261e, #ffb4ab));
  --radius: var(--puras-radius, 8px);
  font: 15px/1.5 var(--puras-font, system-ui, sans-serif);
  color: var(--text); background: var(--background); padding: var(--puras-padding, 16px);
  border: 1px solid var(--border); border-radius: var(--radius); overflow-wrap: anywhere;
}
p, dl, dd, ul { margin: 0; }
p:empty { display: none; }
.title { font-weight: 600; font-size: 1.1em; }
.muted { color: var(--muted); font-size: .9em; }
.problem { color: var(--problem); }
.text { white-space: pre-wrap; }
.title, .description { margin-bottom: 8px; }
form { display: grid; gap: 14px; }
.field { display: grid; gap: 4px; }
label { font-weight: 500; }
label .muted { font-weight: 400; }
.row { display: flex; flex-wrap: wrap; align-items: center; gap: 10px; }
input, textarea, select, button { font: inherit; color: inherit; border-radius: var(--radius); }
input:not([type=checkbox]), textarea, select {
  width: 100%; padding: 8px 10px; background: var(--background); border: 1px solid var(--border);
}
textarea { resize: vertical; }
input[type=checkbox] { width: 18px; height: 18px; accent-color: var(--accent); }
[aria-invalid=true] { border-color: var(--problem) !important; }
button { padding: 8px 18px; font-weight: 600; cursor: pointer; border: 1px solid var(--accent); background: var(--accent); color: var(--on-accent); }
button.plain { background: none; color: var(--text); border-color: var(--border); }
.views { margin-bottom: 14px; gap: 6px; }
.views button { padding: 4px 14px; }
button.plain[aria-pressed=true] { border-color: var(--accent); box-shadow: inset 0 0 0 1px var(--accent); }
button[aria-disabled=true] { cursor: progress; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
progress { width: 100%; accent-color: var(--accent); }
.live { max-height: 12em; overflow: hidden; color: var(--muted); }
section:focus { outline: none; }
section { margin-top: 16px; padding-top: 16px; border-top: 1px solid var(--border); }
dt { color: var(--muted); font-size: .9em; }
dd + dt { margin-top: 10px; }
ul { padding-left: 1.2em; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; overflow-wrap: normal; }
th, td { text-align: left; vertical-align: top; padding: 6px 10px 6px 0; border-bottom: 1px solid var(--border); }
pre { margin: 0; overflow-x: auto; font-size: .9em; }
.messages { max-height: min(60vh, 480px); overflow-y: auto; display: grid; gap: 10px; }
.messages:empty { display: none; }
.message { display: grid; padding: 8px 12px; border-radius: var(--radius); border: 1px solid var(--border); margin-right: 10%; }
.message.user { margin: 0 0 0 10%; border-color: var(--accent); }
.frame { display: grid; gap: 10px; margin-bottom: 14px; }
.frame:not(:has(:not([hidden], :empty))) { display: none; }
`;
