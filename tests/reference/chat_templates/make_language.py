"""Small templates and what transformers renders of them: language.jsonl, for src/text/jinja/jinja_test.cc. The first line has
the variables that they see.

    python make_language.py > language.jsonl

Needs transformers 5 and jinja2 3.1. "expected" is null where transformers raises.
"""

import json

import make_cases

DATA = {
    "s": "Hello World", "e": "", "u": "Ünïcödé ß 東京 👩‍👩‍👧", "w": "  \t padded \n\n", "n": None, "t": True, "f": False, "i": 7, "neg": -7,
    "x": 2.5, "l": [3, 1, 2], "words": ["b", "A", "c", "a"], "el": [], "d": {"b": 1, "A": 2, "items": 3, "c d": None}, "ed": {},
    "m": [{"role": "user", "n": 2, "c": {"k": "v"}}, {"role": "tool", "n": 1}, {"role": "user", "n": 3}],
    "q": "it's \"quoted\"\n\\", "html": "<a href='x'>&</a>", "lines": "one\n\ntwo\nthree\n", "num": "12", "think": "<think>\na\n</think>\n\nb",
}

EXPRESSIONS = """
1 + 2 * 3 - 4 // 3 ; 7 / 2 ; -7 // 2 ; -7 % 3 ; 7 % -3 ; 2 ** 3 ** 2 ; 2 ** -1 ; -2 ** 2 ; 7.5 // 2 ; -7.5 % 2 ; 1e3 ; 1.5e-7 ; 1_000 ; 0.1 + 0.2
1 == 1.0 ; true == 1 ; 'a' < 'b' ; 1 < 2 < 3 ; 1 < 2 > 3 ; [1, 2] < [1, 3] ; (1, 2) == [1, 2] ; {'a': 1} == {'a': 1.0} ; n == false ; nope == nope
not t ; not e ; t and i ; f or s ; e or n ; n and s ; i if t ; i if f ; i if f else x ; (i if f) is defined ; 'a' if e else 'b' if t else 'c'
s[0] ; s[-1] ; s[99] ; s[1:4] ; s[::-1] ; s[::2] ; s[-3:] ; s[:-3] ; s[5:2] ; s[10:2:-3] ; u[0] ; u[-1] ; u[3:9] ; u | length ; u[::-1] ; l[::-1] ; l[1:] ; l[:1] ; l[-1] ; l[5] ; l[5] is defined ; l['a'] is defined ; m[1:][0].role ; m[::-1] | map(attribute='n') | list
d.b ; d['A'] ; d['items'] ; d.items() | list ; d.nope ; d.nope is defined ; d.nope.more ; d.get('nope') ; d.get('nope', 4) ; d.get('b') ; d.keys() | list ; d.values() | list ; d['c d'] ; d | length ; 'b' in d ; 'z' in d ; 'z' not in d ; n.attr ; n.attr is defined ; nope.attr ; nope['a'] ; s.nope is defined ; i.nope is defined
'ell' in s ; 'x' in s ; 2 in l ; 9 in l ; 'a' in nope ; 1 in 'abc' ; 'a' in n ; n in [none] ; (1, 2) in [(1, 2)]
[1, 'a', none, true, 2.0, [1], {'k': 'v'}, (1,), ()] ; {'a': 1, 2: 'b', none: [1]} ; (1, 2) ; (1,) ; () ; [] ; {} ; [1] + [2] ; (1,) + (2,) ; [1] + (2,) ; [1, 2] * 2 ; 'ab' * 3 ; 3 * 'ab' ; 'ab' * -1 ; 'a' + 1 ; 1 + 'a' ; 'a' ~ 1 ~ none ~ true ~ 1.0 ~ [1] ; 'a' + 'b' ~ 'c' ; nope ~ 'x' ; nope + 'x' ; 'a' 'b'
s.upper() ; u.upper() ; u.lower() ; u.title() ; u.capitalize() ; 'ǆ ﬁ ŉ'.upper() ; 'ǆ ﬁ'.title() ; 'ΟΔΟΣ Σ'.lower() ; 'İ'.lower() ; "it's a-b c1d".title() ; s.strip('Hd') ; w.strip() ; w.lstrip() ; w.rstrip() ; w.rstrip('\\n') ; '\u2003x\u00a0'.strip() ; 'xxabxx'.lstrip('xa') ; 'ébé'.strip('é') ; n.strip()
s.split() ; s.split('o') ; s.split('o', 1) ; s.rsplit('o', 1) ; w.split() ; 'a  b c '.split(' ') ; ' a b  c '.split(none, 1) ; ' a b  c '.rsplit(none, 1) ; 'a b c'.rsplit(maxsplit=1) ; ''.split() ; ''.split('x') ; 'x'.split('') ; lines.splitlines() ; lines.splitlines(true) ; 'a\\r\\nb\\rc'.splitlines() ; think.split('</think>')[-1].lstrip('\\n') ; think.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n')
s.startswith('He') ; s.startswith(('x', 'He')) ; s.endswith('ld') ; s.endswith('') ; s.find('o') ; s.rfind('o') ; s.find('z') ; s.index('z') ; u.find('東') ; s.count('l') ; s.count('') ; s.replace('l', 'L') ; s.replace('l', 'L', 1) ; s.replace('', '-') ; 'abc'.replace('', '-', 2) ; ', '.join(words) ; ','.join([1]) ; ','.join('abc') ; '12'.isdigit() ; ''.isdigit() ; 'a1'.isalnum() ; ' '.isspace() ; 'AB1'.isupper() ; '12'.isupper() ; 'ab'.islower() ; 'prefix-x'.removeprefix('prefix-') ; 'x.py'.removesuffix('.py') ; 'a=b=c'.partition('=') ; 'a=b=c'.rpartition('=') ; 'abc'.partition('=') ; '-7'.zfill(4) ; '7'.zfill(1)
w | trim ; 'xxaxx' | trim('x') ; n | trim ; i | trim ; nope | trim ; s | upper ; s | lower ; 'hello-wORLD (foo bar) x' | title ; 'hELLO wORLD' | capitalize ; u | title ; s | replace('o', '0') ; s | replace('o', '0', 1) ; i | replace('7', '8') ; s | length ; nope | length ; i | length ; s | first ; s | last ; e | first ; l | first ; l | last ; el | first is defined ; s | reverse ; l | reverse | list ; s | list
l | join ; l | join(', ') ; m | join('-', attribute='role') ; [1, none, true] | join(' ') ; 'abc' | join('.') ; nope | join ; l | sort ; l | sort(reverse=true) ; words | sort ; words | sort(case_sensitive=true) ; m | sort(attribute='n') | map(attribute='n') | list ; ['b', 1] | sort ; words | unique | list ; [1, 1.0, true, 2] | unique | list ; words | min ; words | max ; l | min ; l | max ; el | max ; l | sum ; m | sum(attribute='n') ; l | sum(start=10) ; [[1], [2]] | sum(start=[])
m | map(attribute='role') | list ; m | map(attribute='c.k', default='-') | list ; words | map('upper') | list ; words | map('replace', 'a', 'z') | join(',') ; m | selectattr('role', 'equalto', 'user') | list | length ; m | selectattr('c') | list | length ; m | rejectattr('role', 'eq', 'user') | map(attribute='n') | list ; l | select('gt', 1) | list ; l | reject('odd') | list ; ['', 'a', none] | select | list ; m | selectattr('c', 'defined') | list | length ; m | selectattr('role', 'in', ['tool']) | list | length ; (l | select('odd') | first) ; l | map('nofilter') | list ; l | select('notest') | list
d | dictsort ; d | dictsort(by='value') ; d | dictsort(case_sensitive=true) ; d | dictsort(reverse=true) ; d | items | list ; nope | items | list ; l | items | list ; d | list ; {'b': 1, 'a': 2} | dictsort | first
nope | default('x') ; nope | d('x') ; e | default('x') ; e | default('x', true) ; n | default('x') ; nope | default ; f | default('x', boolean=true) ; i | string ; x | string ; n | string ; '12' | int + 1 ; 'x' | int ; 'x' | int(5) ; '3.7' | int ; 3.9 | int ; 'ff' | int(0, 16) ; ' 42 ' | int ; '1.5' | float ; 'x' | float ; 'x' | float(2.5) ; '1e3' | float ; i | float ; neg | abs ; -2.5 | abs ; 2.567 | round(1) ; 2.5 | round ; 3.5 | round ; 7 | round ; 2.3 | round(method='ceil') ; 2.7 | round(0, 'floor') ; n | int
d | tojson ; m | tojson ; l | tojson(indent=2) ; d | tojson(indent=4) ; {} | tojson(indent=2) ; [] | tojson(indent=2) ; [[], {}, [1]] | tojson(indent=1) ; u | tojson ; u | tojson(ensure_ascii=true) ; q | tojson ; html | tojson ; {'b': 1, 'a': [1.0, 1e16, 1e-7, none, true]} | tojson(sort_keys=true) ; d | tojson(separators=(',', ':')) ; d | tojson(indent='\\t') ; '\\x00\\x1f\\x7f\\u2028' | tojson ; (1, 2) | tojson ; nope | tojson ; {1: 2, none: 3, true: 4, 1.5: 5} | tojson ; range(3) | tojson ; 1e400 | tojson
html | e ; html | escape ; (html | e) + '<' ; '<' + (html | safe) ; (html | safe) ~ '<' ; (html | safe).replace('a', '<') ; (html | safe) | length ; html | safe ; (html | safe).upper() + '&' ; lines | indent ; lines | indent(2, true) ; lines | indent(width=3, blank=true) ; lines | indent('> ', first=true) ; 'a' | indent ; '' | indent(2, true)
s is string ; n is none ; nope is none ; nope is undefined ; s is defined ; d is mapping ; l is mapping ; l is sequence ; s is sequence ; d is sequence ; i is sequence ; nope is sequence ; s is iterable ; i is iterable ; nope is iterable ; n is iterable ; i is number ; t is number ; x is number ; s is number ; i is integer ; t is integer ; x is integer ; x is float ; t is boolean ; i is boolean ; t is true ; i is true ; 1 is true ; f is false ; n is false ; i is odd ; i is even ; i is divisibleby 7 ; i is divisibleby(2) ; i is eq 7 ; i is equalto 7 ; i is ne 7 ; i is gt 3 ; i is lt(3) ; i is ge 7 ; i is in [7] ; s is lower ; 'a' is lower ; 'A' is upper ; range is callable ; s is callable ; 'upper' is filter ; 'nope' is filter ; 'odd' is test ; n is sameas none ; i is not odd ; not i is odd ; s is not string ; i is odd and t ; i is notest ; s is escaped ; (s | safe) is escaped
range(3) | list ; range(1, 8, 3) | list ; range(3, 0, -1) | list ; range(5)[1] ; range(3) | length ; range(0) | list ; range(1, 2, 0) ; range(200000) | length ; range(3) is sequence ; dict(a=1, b='x') ; dict([('a', 1)]) ; dict({'a': 1}, b=2) ; namespace(a=1).a ; raise_exception('stop') ; strftime_now('%d %b %Y') ; strftime_now('%Y-%m-%d') ; nosuch() ; s() ; 1()
q ; [q] ; ["it's", 'say "x"', 'both \\' and "', '\\t\\x01\\u200b\\u00ad', 'é東👩'] ; {'k': q} ; [1.0, 1e16, 1e15, 1e-5, 0.0001, 123456789.123] ; 1e16 ; 1e22 ; 123456789012345678 ; -0.0 ; 1.0 ; 100000.0 ; [nope] ; '\\u0041\\x41\\101\\q\\n|' ; 'a\\\\nb' ; "don't" ; 'line1
line2' ; {'a': {'b': {'c': [1]}}}.a.b.c[0] ; 'x' is string == true ; l | length > 2 ; l | length - 1 ; -l | length ; s.split(' ') | length ; 'a,b'.split(',')[1] ; s | lower | replace('o', '') | upper ; 'abc'[1] ; 'abc'.1 ; l.0 ; [[1, 2], [3]][0][1] ; (s)[0] ; {'a': 1}['a'] ; 1 if 2 ; 'a' in 'abc' and 'b' in 'abc' ; not 'a' in 'abc' ; 1 in [1] == true ; +3 ; --3 ; - 3 + 2 ; 10 - 2 - 3 ; 2 * 3 % 4 ; 1 ~ 2 + 3 ; 1 + 2 ~ 3
l.append(1) ; d.update({}) ; d.pop('b') ; l.count(1) ; l.index(2) ; l.index(9) ; d.copy() ; namespace(_a=1) ; s | nosuchfilter ; s | upper(1) ; s | replace('a') ; s.upper(1) ; 5 // 0 ; 5 % 0 ; 5 / 0 ; 1.0 / 0 ; 'a' < 1 ; n < 1 ; nope < 1 ; nope + 1 ; -s ; l[1:'a'] ; s[::0] ; {[1]: 2} ; d[[1]] is defined ; i[0] is defined ; n[0] is defined
"""

STATEMENTS = [
    "{% for x in l %}{{ x }}{% if not loop.last %},{% endif %}{% endfor %}",
    "{% for x in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }} {% endfor %}",
    "{% for x in l %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }} {% endfor %}",
    "{% for x in l %}{{ loop.previtem is defined }}{{ loop.nextitem is defined }}{{ loop.cycle('a', 'b') }}{{ loop.depth }}{% endfor %}",
    "{% for x in l %}{% for y in l %}{{ loop.depth }}{{ loop.index }}{% endfor %}{{ loop.index }}{% endfor %}",
    "{% for x in el %}a{% else %}empty{% endfor %}", "{% for x in nope %}a{% else %}empty{% endfor %}", "{% for x in n %}a{% endfor %}", "{% for x in 5 %}a{% endfor %}",
    "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}", "{% for k, v in d | dictsort %}{{ k }}={{ v }};{% endfor %}", "{% for k in d %}{{ k }};{% endfor %}",
    "{% for a, (b, c) in [(1, (2, 3))] %}{{ a + b + c }}{% endfor %}", "{% for a, b in [(1, 2, 3)] %}{{ a }}{% endfor %}", "{% for c in 'aß東' %}{{ c }}.{% endfor %}",
    "{% for x in l if x > 1 %}{{ loop.index }}:{{ x }}/{{ loop.length }} {% else %}none{% endfor %}", "{% for x in l if x > 9 %}{{ x }}{% else %}none{% endfor %}",
    "{% for x in l %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% endfor %}", "{% for x in l %}{% if x == 1 %}{% break %}{% endif %}{{ x }}{% endfor %}",
    "{% for x in l %}{% for y in l %}{% if y == 1 %}{% break %}{% endif %}{{ y }}{% endfor %}{{ x }}{% endfor %}", "{% break %}",
    "{% set a = 1 %}{% for x in l %}{% set a = a + x %}{{ a }} {% endfor %}{{ a }}", "{% set ns = namespace(a=1) %}{% for x in l %}{% set ns.a = ns.a + x %}{% endfor %}{{ ns.a }}",
    "{% for x in l %}{% if loop.first %}{% set a = 'first' %}{% endif %}{{ a }}|{% endfor %}{{ a }}", "{% set a = 'o' %}{% for x in l %}{% if x == 1 %}{% set a = 'i' %}{% endif %}{{ a }}{% endfor %}",
    "{% if t %}{% set a = 5 %}{% endif %}{{ a }}", "{% set a, b = 1, 2 %}{{ b }}{{ a }}", "{% set a = 1, 2 %}{{ a }}", "{% set (a, b) = (1, 2) %}{{ a }}", "{% set i.x = 1 %}", "{% set nope.x = 1 %}", "{% set ns = namespace() %}{% set ns._x = 1 %}",
    "{% set a %}  text {{ i }} {% endset %}[{{ a }}]", "{% set a | trim | upper %}  text {{ i }} {% endset %}[{{ a }}]", "{% set a %}{% endset %}{{ a is string }}{{ a | length }}",
    "{% macro f(a, b='x') %}<{{ a }}{{ b }}>{% endmacro %}{{ f(1) }}{{ f(1, 2) }}{{ f(b=1, a=2) }}{{ f() }}", "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(1, 2) }}", "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(b=1) }}", "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(1, a=2) }}",
    "{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(5) }}", "{% macro f() %}{{ v }}{% endmacro %}{% set v = 3 %}{{ f() }}", "{% set v = 1 %}{% macro f() %}{{ v }}{% endmacro %}{% set v = 3 %}{{ f() }}",
    "{% macro f(a) %}{% set a = a + 1 %}{{ a }}{% endmacro %}{{ f(i) }}{{ a is defined }}", "{% macro f(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ f(1) }}", "{% macro f() %}x{% endmacro %}{{ f() | upper }}{{ f() + 'y' }}{{ f() is string }}{{ f.name }}",
    "{% macro f() %}[{{ caller() }}]{% endmacro %}{% call f() %}in {{ i }}{% endcall %}", "{% macro f() %}{{ caller(1, 2) }}{% endmacro %}{% call(a, b) f() %}{{ a + b }}{% endcall %}", "{% macro f() %}{{ caller() }}{% endmacro %}{{ f() }}",
    "{% for x in l %}{% macro f(a) %}{{ a }}{{ x }}{% endmacro %}{{ f('-') }}{% endfor %}", "{{ f() }}{% macro f() %}x{% endmacro %}",
    "{% filter upper %}abc {{ s }}{% endfilter %}", "{% filter trim | replace('a', 'b') %}  abc {% endfilter %}|", "{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}{{ a is defined }}", "{% with %}{% set z = 1 %}{{ z }}{% endwith %}{{ z is defined }}",
    "{% generation %}abc{{ s }}{% endgeneration %}", "{% generation %}{% set a = 1 %}{{ a }}{% endgeneration %}{{ a is defined }}", "{%- generation -%} abc {%- endgeneration -%} x",
    "{% if f %}a{% elif t %}b{% else %}c{% endif %}", "{% if f %}a{% elif n %}b{% else %}c{% endif %}", "{% if nope %}a{% endif %}b", "{% if not nope %}a{% endif %}",
    "{% raw %}{{ x }} {% if %}{% endraw %}|", "{%- raw -%}  {{ x }}  {%- endraw -%}  |", "a {# comment #} b", "a\n{# comment #}\nb", "a {#- comment -#} b", "{# {{ x }} {% if %} #}x",
    "a\n  {% if t %}\n  b\n  {% endif %}\nc", "a\n  {%- if t -%}\n  b\n  {%- endif -%}\nc", "a\n  {%+ if t %}\n  b\n  {%+ endif %}\nc", "a {% if t %} b {% endif %} c", "x  {% if t %}\n\nb{% endif %}", "  {% if t %}b{% endif %}",
    "{{ s }}\n{{ s }}\n", "{{ s -}}  \n {{- s }}", "{{- s }}", " {{+ i }}", "a\n\n", "a\n", "\n", "", "a\r\nb\rc\r\n", "{% if t +%}\nb{% endif %}", "{% if t %}\r\nb{% endif %}", "{{ '\r\n' }}|", "\t {% set a = 1 %} {{ a }}", "a{% set a = 1 %}\n{{ a }}",
    "{% if t %}x{% endif %}  {# c #}\n y", "   {# c #}   \n y", "{{ i }}   {% if t %}y{% endif %}", "{{ {'a': {'b': 1}} }}", "{{ {'a': {'b': 1}}.a.b }}", "{{ '}}' }}{{ '%}' }}", "{ { } } {a} 100% #}",
    "{{ s", "{% if t %}", "{% endif %}", "{% nosuch %}", "{{ }}", "{{ 1 + }}", "{{ (1 }}", "{{ 1) }}", "{{ 'a }}", "{% for x l %}{% endfor %}", "{% set = 1 %}", "{% set true = 1 %}", "{{ a b }}", "{{ [1, 2 }}", "{# open", "{% include 'x' %}", "{% extends 'x' %}", "{{ a is }}", "{{ s | }}", "{{ @ }}", "{% macro f(a=1, b) %}{% endmacro %}", "{{ f(a=1, 2) }}", "{% raw %}x",
    "{{ messages | length }}{{ tools }}{{ documents }}{{ add_generation_prompt }}{{ bos_token }}{{ nope }}", "{% set messages = messages + [1] %}{{ messages }}", "{% set x = x if x is defined else 1 %}{{ x }}",
    "{% set g = l | select('gt', 1) %}{{ g | list }}{{ g | list }}", "{% set g = l | map('string') %}{% if g %}y{% endif %}{{ g | first }}{{ g | join }}", "{% for x in l | reverse %}{{ x }}{% endfor %}", "{{ l | select('gt', 1) | length }}",
    "{% for x in range(3) %}{{ x }}{% endfor %}", "{% for m in m %}{{ m.role }}{% endfor %}{{ m | length }}", "{% for x in l %}{% endfor %}{{ loop is defined }}",
    "{{ namespace(a=1) is mapping }}", "{% set ns = namespace(a=1) %}{{ ns.b is defined }}{{ ns['a'] }}", "{% set ns = namespace(l=[]) %}{% for x in l %}{% set ns.l = ns.l + [x * 2] %}{% endfor %}{{ ns.l }}", "{% set ns = namespace(n=none) %}{% set ns.n = ns %}{{ ns.n.n.n is defined }}",
    "{% for x in [1, 2] -%}\n   {{ x }}\n{%- endfor %}|", "{% for x in [1, 2] %}\n   {{ x }}\n{% endfor %}|", "{%for x in l%}{{x}}{%endfor%}", "{%-for x in l-%} {{x}} {%-endfor-%}", "{% if(t) %}a{% endif %}", "{% if t%}a{%else%}b{%endif%}",
]


def main():
    sources = ["{{ " + e.strip() + " }}" for line in EXPRESSIONS.strip().replace("'line1\nline2'", "'line1\x00line2'").split("\n")
               for e in line.replace("\x00", "\n").split(" ; ")]
    context = {"messages": [{"role": "user", "content": "hi"}], "tools": None, "documents": None, "add_generation_prompt": True,
               **make_cases.SPECIAL, **DATA}
    print(json.dumps({"variables": context}))
    for source in sources + STATEMENTS:
        row = {"messages": [{"role": "user", "content": "hi"}], "kwargs": DATA, "add_generation_prompt": True}
        print(json.dumps({"source": source, "expected": make_cases.render(source, make_cases.SPECIAL, row)}, ensure_ascii=True))


if __name__ == "__main__":
    main()
