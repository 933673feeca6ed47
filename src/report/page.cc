#include "report/page.h"

namespace rlvr {

const char* const kReportDataMark = "/*DATA*/";

const char* const kReportPage = R"HTML(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>rlvr report</title>
<style>
:root{--bg:#fbfbfa;--fg:#1c1e21;--mute:#6a7078;--line:#dcdfe3;--card:#fff;--a:#2563c9;--good:#15803d;--bad:#b42318}
@media (prefers-color-scheme:dark){:root{--bg:#15171a;--fg:#e8eaed;--mute:#9aa1aa;--line:#31363d;--card:#1c1f23;--a:#6ea8fe;--good:#4ade80;--bad:#f97066}}
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--fg);font:15px/1.5 system-ui,sans-serif}
main{max-width:1100px;margin:0 auto;padding:24px 16px 64px}h1{font-size:24px;margin:0 0 4px}h2{font-size:17px;margin:32px 0 8px}
.mute{color:var(--mute)}.big{display:flex;flex-wrap:wrap;gap:24px;margin:16px 0}.big b{font-size:30px;font-weight:650;display:block;line-height:1.2}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(310px,1fr));gap:14px}
.card{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:10px 12px}
.card h3{margin:0;font:600 13px ui-monospace,monospace}svg{width:100%;height:auto;display:block}
svg text{fill:var(--mute);font:11px system-ui}.curve{fill:none;stroke:var(--a);stroke-width:1.8}.band{fill:var(--a);opacity:.16}.axis{stroke:var(--line)}
.bar{fill:var(--a)}.tip{font:12px ui-monospace,monospace;color:var(--mute);min-height:18px}
.sample{margin:10px 0}.text{white-space:pre-wrap;word-break:break-word;font:14px/1.7 ui-monospace,monospace}
.tok{border-radius:3px}.right{color:var(--good)}.wrong{color:var(--bad)}
select{font:inherit;background:var(--card);color:var(--fg);border:1px solid var(--line);border-radius:6px;padding:2px 6px}
details pre{white-space:pre-wrap;font:13px/1.5 ui-monospace,monospace}
</style></head><body><main id="m"></main>
<script>const D=/*DATA*/;
const $=(t,a={},...c)=>{const e=document.createElement(t);for(const k in a)k==='class'?e.className=a[k]:e.setAttribute(k,a[k]);for(const x of c)e.append(x);return e};
const S=(t,a={},...c)=>{const e=document.createElementNS('http://www.w3.org/2000/svg',t);for(const k in a)e.setAttribute(k,a[k]);for(const x of c)e.append(x);return e};
const M=document.getElementById('m'),num=x=>Math.abs(x)>=1000?x.toFixed(0):Math.abs(x)>=10?x.toFixed(1):Math.abs(x)>=0.01||x===0?x.toFixed(3):x.toExponential(1);
function chart(name,pts){ // pts: [step, value, low?, high?]
  const W=320,H=150,L=44,B=20,T=8,R=8,xs=pts.map(p=>p[0]);
  let lo=Math.min(...pts.map(p=>p[2]??p[1])),hi=Math.max(...pts.map(p=>p[3]??p[1]));if(lo===hi){lo-=Math.abs(lo)*.1+.01;hi+=Math.abs(hi)*.1+.01}
  const x0=Math.min(...xs),x1=Math.max(...xs,x0+1),X=s=>L+(s-x0)/(x1-x0)*(W-L-R),Y=v=>H-B-(v-lo)/(hi-lo)*(H-B-T);
  const g=S('svg',{viewBox:`0 0 ${W} ${H}`,role:'img'});
  for(let i=0;i<=2;i++){const v=lo+(hi-lo)*i/2;g.append(S('line',{class:'axis',x1:L,x2:W-R,y1:Y(v),y2:Y(v)}),S('text',{x:L-5,y:Y(v)+4,'text-anchor':'end'},num(v)))}
  g.append(S('text',{x:L,y:H-4},String(x0)),S('text',{x:W-R,y:H-4,'text-anchor':'end'},'step '+x1));
  if(pts[0][2]!==undefined)g.append(S('path',{class:'band',d:'M'+pts.map(p=>X(p[0])+','+Y(p[3])).join('L')+'L'+pts.slice().reverse().map(p=>X(p[0])+','+Y(p[2])).join('L')+'Z'}));
  g.append(S('path',{class:'curve',d:'M'+pts.map(p=>X(p[0])+','+Y(p[1])).join('L')}));
  if(pts.length<30)for(const p of pts)g.append(S('circle',{cx:X(p[0]),cy:Y(p[1]),r:2.4,class:'bar'}));
  const tip=$('div',{class:'tip'},'last '+num(pts[pts.length-1][1]));
  g.addEventListener('mousemove',e=>{const r=g.getBoundingClientRect(),s=(e.clientX-r.left)/r.width*W;let b=pts[0];for(const p of pts)if(Math.abs(X(p[0])-s)<Math.abs(X(b[0])-s))b=p;
    tip.textContent=`step ${b[0]}: ${num(b[1])}`+(b[2]!==undefined?` [${num(b[2])}, ${num(b[3])}]`:'')});
  return $('div',{class:'card'},$('h3',{},name),g,tip)}
const series=k=>D.metrics.filter(r=>typeof r[k]==='number').map(r=>[r.step,r[k]]);
M.append($('h1',{},D.name),$('div',{class:'mute'},D.summary));
const ev=D.evals,pc=i=>`${(100*i.mean).toFixed(1)} %`,iv=i=>`95 % interval ${(100*i.low).toFixed(1)} to ${(100*i.high).toFixed(1)}`;
if(ev.length){const k='avg@'+ev[0].k,f=ev[0],l=ev[ev.length-1];
  M.append($('div',{class:'big'},$('div',{},$('span',{class:'mute'},`held-out ${k}, step ${f.step}`),$('b',{},pc(f[k])),$('span',{class:'mute'},iv(f[k]))),
   ...(ev.length>1?[$('div',{},$('span',{class:'mute'},`step ${l.step}`),$('b',{},pc(l[k])),$('span',{class:'mute'},iv(l[k])))]:[])))}
const grid=$('div',{class:'grid'});M.append($('h2',{},'Curves'),grid);
if(ev.length)for(const k of ['avg','pass','maj']){const n=k+'@'+ev[0].k;grid.append(chart('val/'+n,ev.filter(e=>e[n]).map(e=>[e.step,e[n].mean,e[n].low,e[n].high])))}
for(const k of ['critic/score/mean','actor/entropy','response_length/mean','response_length/clip_ratio','actor/pg_clipfrac','actor/grad_norm','actor/ppo_kl','batch/solve_all','batch/solve_none','select/rounds','perf/throughput','training/rollout_probs_diff_max','train/loss','train/lr'])
  {const s=series(k);if(s.length)grid.append(chart(k,s))}
if(D.rewards.length){const c=$('div',{class:'card'},$('h3',{},'rewards of the recorded trajectories'));const W=320,H=150,n=20,lo=Math.min(...D.rewards),hi=Math.max(...D.rewards,lo+1e-9),h=Array(n).fill(0);
  for(const r of D.rewards)h[Math.min(n-1,Math.floor((r-lo)/(hi-lo)*n))]++;const top=Math.max(...h),g=S('svg',{viewBox:`0 0 ${W} ${H}`});
  h.forEach((v,i)=>{const b=S('rect',{class:'bar',x:10+i*15,width:13,y:H-20-v/top*(H-30),height:v/top*(H-30)});b.append(S('title',{},`${v}`));g.append(b)});
  g.append(S('text',{x:10,y:H-5},num(lo)),S('text',{x:W-10,y:H-5,'text-anchor':'end'},num(hi)));c.append(g);grid.append(c)}
if(D.samples.length){const pick=$('select',{},...['advantage','entropy','logp'].map(v=>$('option',{value:v},v))),box=$('div');
  M.append($('h2',{},'Sample trajectories'),$('div',{},'colour tokens by ',pick),box);
  const hue=(v,m)=>{const a=Math.min(1,Math.abs(v)/m)*.55;return v>=0?`rgba(34,160,90,${a})`:`rgba(220,60,50,${a})`};
  const draw=()=>{box.textContent='';for(const s of D.samples){const t=$('div',{class:'text'});
    s.tokens.forEach((x,i)=>{const v=pick.value==='advantage'?(s.advantage??0):pick.value==='entropy'?-s.entropy[i]:s.logp[i];
      const e=$('span',{class:'tok',title:`logp ${s.logp[i].toFixed(4)}  entropy ${s.entropy[i].toFixed(4)}`+(s.advantage!==undefined?`  advantage ${s.advantage.toFixed(3)}`:'')},x);
      e.style.background=hue(v,pick.value==='logp'?4:2);t.append(e)});
    box.append($('div',{class:'card sample'},$('div',{class:'mute'},`step ${s.step}, prompt ${s.prompt_index}, sample ${s.sample}, finish: ${s.finish}, reward ${num(s.reward)}`),$('div',{class:'text mute'},s.prompt),t,
      $('div',{class:s.verdict==='right'?'right':'wrong'},`${s.verdict}: ${s.answer||'no answer'} (ground truth ${s.ground_truth})`)))}};
  pick.onchange=draw;draw()}
M.append($('h2',{},'Recipe'),$('details',{},$('summary',{},'every key and value'),$('pre',{},D.recipe)));
</script></body></html>
)HTML";

}  // namespace rlvr
