// The report's style sheet and script. No fonts, images or scripts from elsewhere.
#include "report/html.h"

namespace rlvr {

const char kChartStyle[] = R"css(
:root{color-scheme:light dark;--bg:#f6f7f9;--card:#fff;--ink:#1b2130;--soft:#5d6779;--line:#e3e7ee;
--c0:#2563eb;--c1:#d9480f;--c2:#0f8a6a;--c3:#8b3fc4;--good:#0f8a4c;--bad:#c92a2a;
--pos:37 150 84;--neg:220 60 60;--hot:232 121 12;--shadow:0 1px 2px #1b213014,0 4px 16px #1b21300a}
@media(prefers-color-scheme:dark){:root{--bg:#10131a;--card:#181d27;--ink:#e7ebf3;--soft:#98a3b6;
--line:#2a3140;--c0:#74a0ff;--c1:#ff9a5c;--c2:#4fd0ab;--c3:#c697f5;--good:#4ade80;--bad:#ff8080;
--pos:52 180 104;--neg:230 80 80;--hot:240 140 30;--shadow:none}}
svg text{font-size:12px;fill:var(--soft);font-variant-numeric:tabular-nums}
svg .y{text-anchor:end}svg .x{text-anchor:middle}
svg .grid{stroke:var(--line);stroke-width:1}
svg .line{fill:none;stroke:currentColor;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
svg .faint{opacity:.28;stroke-width:1.2}
svg .band{fill:currentColor;opacity:.15}
svg circle,svg rect{fill:currentColor}
svg .cursor line{stroke:var(--soft);stroke-width:1;stroke-dasharray:3 3}
svg .cursor circle{stroke:var(--card);stroke-width:1.5}
.c0{color:var(--c0)}.c1{color:var(--c1)}.c2{color:var(--c2)}.c3{color:var(--c3)}
)css";

const char kPageStyle[] = R"css(
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.55 system-ui,-apple-system,"Segoe UI",
Roboto,"Helvetica Neue",sans-serif;-webkit-text-size-adjust:100%}
main{max-width:1120px;margin:0 auto;padding:28px 20px 60px}
h1{font-size:26px;line-height:1.2;margin:0 0 4px;letter-spacing:-.01em;overflow-wrap:anywhere}
h2{font-size:19px;margin:40px 0 4px;letter-spacing:-.01em}
h3{font-size:15px;margin:0}
p{margin:4px 0 14px;color:var(--soft)}
.card{background:var(--card);border:1px solid var(--line);border-radius:12px;box-shadow:var(--shadow);
padding:16px;margin:0}
.hero{display:flex;flex-wrap:wrap;gap:12px 40px;align-items:center;margin:18px 0;padding:20px 22px}
.hero .big{font-size:34px;font-weight:680;letter-spacing:-.02em;line-height:1.15;
font-variant-numeric:tabular-nums}
.hero .big .from{color:var(--soft);font-weight:500}
.hero .note{color:var(--soft);font-size:14px}
.hero .gain{color:var(--good);font-weight:650}.hero .gain.down{color:var(--bad)}
.facts{display:flex;flex-wrap:wrap;gap:6px;margin:10px 0 0}
.facts span{background:var(--card);border:1px solid var(--line);border-radius:999px;padding:2px 11px;
font-size:13px;color:var(--soft);overflow-wrap:anywhere}
.facts b{color:var(--ink);font-weight:600}
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,340px),1fr));gap:14px}
.charts .wide{grid-column:1/-1}
.head{display:flex;flex-wrap:wrap;justify-content:space-between;gap:2px 14px;align-items:baseline}
.legend{display:flex;flex-wrap:wrap;gap:2px 14px;font-size:12.5px;color:var(--soft)}
.legend span::before{content:"";display:inline-block;width:9px;height:9px;border-radius:3px;
margin-right:5px;background:currentColor}
.legend b{color:var(--ink);font-variant-numeric:tabular-nums}
figcaption{font-size:12.5px;color:var(--soft);line-height:1.4}
svg{display:block;width:100%;height:auto;margin:8px 0 6px;touch-action:pan-y;overflow:visible}
.switch{position:sticky;top:0;z-index:2;display:flex;flex-wrap:wrap;gap:6px 14px;align-items:center;
padding:10px 0;background:var(--bg);font-size:13px;color:var(--soft)}
.switch div{display:inline-flex;border:1px solid var(--line);border-radius:9px;overflow:hidden}
.switch button{font:inherit;font-size:13px;color:var(--ink);background:var(--card);border:0;
padding:6px 13px;cursor:pointer}
.switch button+button{border-left:1px solid var(--line)}
.switch button[aria-pressed=true]{background:var(--c0);color:var(--card);font-weight:600}
article.card{margin:0 0 14px}
.prompt{white-space:pre-wrap;overflow-wrap:anywhere;font-weight:550}
.truth{font-size:13px;color:var(--soft);margin:4px 0 4px}.truth b,.meta b{color:var(--ink)}
.sample{border-top:1px solid var(--line);padding:10px 0 4px;margin-top:8px}
.meta{font-size:12.5px;color:var(--soft);margin-bottom:5px}
.verdict{display:inline-block;border-radius:6px;padding:0 7px;font-weight:650;border:1px solid}
.verdict.right{color:var(--good)}.verdict.wrong{color:var(--bad)}.verdict.other{color:var(--soft)}
.tokens{white-space:pre-wrap;overflow-wrap:anywhere;font:13.5px/1.75 ui-monospace,SFMono-Regular,Menlo,
Consolas,monospace}
.tokens i{font-style:normal;border-radius:3px;padding:2px 0}
.tokens i:hover{outline:1.5px solid var(--c0)}
.by-advantage .tokens i{background:rgb(var(--pos)/calc(var(--a,0)*.55))}
.by-advantage .tokens i.n{background:rgb(var(--neg)/calc(var(--a,0)*.55))}
.by-entropy .tokens i{background:rgb(var(--hot)/calc(var(--e)*.8))}
.by-logp .tokens i{background:rgb(var(--hot)/calc(var(--l)*.8))}
details{margin-top:14px}summary{cursor:pointer;font-weight:600}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:13.5px;margin-top:10px}
td,th{text-align:left;padding:4px 14px 4px 0;border-bottom:1px solid var(--line);vertical-align:top;
overflow-wrap:anywhere}
th{color:var(--soft);font-weight:550}td.num,th.num{text-align:right;font-variant-numeric:tabular-nums;
white-space:nowrap}
td:first-child{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:12.5px}
#tip{position:fixed;z-index:9;pointer-events:none;background:var(--ink);color:var(--bg);border-radius:8px;
padding:7px 10px;font-size:12.5px;line-height:1.45;max-width:300px}
#tip[hidden]{display:none}
#tip div{display:flex;justify-content:space-between;gap:16px;white-space:pre-wrap}
#tip b{font-variant-numeric:tabular-nums}
footer{margin-top:40px;font-size:12.5px;color:var(--soft)}
@media(max-width:560px){main{padding:18px 12px 40px}.hero .big{font-size:27px}.card{padding:13px}
svg text{font-size:15px}}
@media print{.switch,#tip{display:none}}
)css";

const char kPageScript[] = R"js(
(() => {
  const tip = document.getElementById('tip');
  const show = (rows, event) => {
    tip.replaceChildren(...rows.map(([name, value]) => {
      const row = document.createElement('div');
      const label = document.createElement('span'), number = document.createElement('b');
      label.textContent = name;
      number.textContent = value;
      row.append(label, number);
      return row;
    }));
    tip.hidden = false;
    const w = tip.offsetWidth, h = tip.offsetHeight;
    let x = event.clientX + 14, y = event.clientY + 14;
    if (x + w > innerWidth - 8) x = event.clientX - w - 14;
    if (y + h > innerHeight - 8) y = event.clientY - h - 14;
    tip.style.left = Math.max(8, x) + 'px';
    tip.style.top = Math.max(8, y) + 'px';
  };
  const hide = () => { tip.hidden = true; };
  const svgNode = (name, attributes, parent) => {
    const node = document.createElementNS('http://www.w3.org/2000/svg', name);
    for (const key in attributes) node.setAttribute(key, attributes[key]);
    parent.append(node);
  };

  for (const svg of document.querySelectorAll('svg[data-chart]')) {
    const chart = JSON.parse(svg.dataset.chart), cursor = svg.querySelector('.cursor');
    const [left, top, right, bottom] = chart.box, [xLow, xHigh, yLow, yHigh] = chart.range;
    const toX = x => left + (x - xLow) / (xHigh - xLow) * (right - left);
    const toY = y => bottom - (y - yLow) / (yHigh - yLow) * (bottom - top);
    const text = v => chart.percent ? (100 * v).toFixed(1) + ' %'
        : Math.abs(v) >= 1e4 ? Math.round(v).toLocaleString('en') : String(+v.toPrecision(4));
    const clear = () => { cursor.replaceChildren(); hide(); };
    svg.addEventListener('pointermove', event => {
      const box = svg.getBoundingClientRect();
      const at = (event.clientX - box.left) / box.width * svg.viewBox.baseVal.width;
      let best = -1;
      chart.x.forEach((x, i) => {
        if (chart.series.every(s => s.y[i] === null)) return;
        if (best < 0 || Math.abs(toX(x) - at) < Math.abs(toX(chart.x[best]) - at)) best = i;
      });
      if (best < 0) return clear();
      cursor.replaceChildren();
      const x = toX(chart.x[best]), rows = [[chart.x_name, String(chart.x[best])]];
      svgNode('line', {x1: x, x2: x, y1: top, y2: bottom}, cursor);
      chart.series.forEach((s, i) => {
        if (s.y[best] === null) return;
        svgNode('circle', {cx: x, cy: toY(s.y[best]), r: 4, class: 'c' + i}, cursor);
        rows.push([s.name, text(s.y[best])]);
        if (s.low) rows.push(['95 % interval', text(s.low[best]) + ' to ' + text(s.high[best])]);
      });
      show(rows, event);
    });
    svg.addEventListener('pointerleave', clear);
  }

  for (const bar of document.querySelectorAll('[data-tip]')) {
    const [name, value, share] = bar.dataset.tip.split('|');
    bar.addEventListener('pointermove', e => show([[name, ''], ['reward', value], ['share', share]], e));
    bar.addEventListener('pointerleave', hide);
  }

  document.addEventListener('pointerover', event => {
    const token = event.target.closest('i[data-t]');
    if (!token) return;
    const [logp, entropy, advantage] = token.dataset.t.split('|');
    const rows = [['token', JSON.stringify(token.textContent)], ['log-prob', logp],
                  ['probability', (100 * Math.exp(logp)).toPrecision(3) + ' %'], ['entropy', entropy]];
    if (advantage !== undefined) rows.push(['advantage', advantage]);
    show(rows, event);
    token.addEventListener('pointerleave', hide, {once: true});
  });

  for (const button of document.querySelectorAll('[data-by]')) {
    button.addEventListener('click', () => {
      document.body.className = 'by-' + button.dataset.by;
      for (const other of document.querySelectorAll('[data-by]'))
        other.setAttribute('aria-pressed', other.dataset.by === button.dataset.by);
    });
  }
})();
)js";

}  // namespace rlvr
