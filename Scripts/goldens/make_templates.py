"""What Jinja writes for chat templates of our own that use what published ones use, set up as transformers does it.

Run as Scripts/goldens/README.md says. Writes Tests/TokenDataTests/Goldens/templates.json.
"""
import datetime, json, os
from jinja2 import TemplateError
from jinja2.ext import Extension, loopcontrols
from jinja2 import nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment
from nasty import FOLDER

NOW = datetime.datetime(2026, 3, 9, 8, 5, 7)


class Generation(Extension):
    """Accepts generation blocks, which change nothing in the text."""
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        del line
        return body


def environment():
    def refuse(message):
        raise TemplateError(message)

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = refuse
    env.globals["strftime_now"] = NOW.strftime
    return env


CHATS = {
    "one": [{"role": "user", "content": "Hi"}],
    "system": [{"role": "system", "content": " Be kind.\n"}, {"role": "user", "content": "  Grüße, \"you\" & <me>!  "}],
    "turns": [
        {"role": "system", "content": "You are 日本語 bot."}, {"role": "user", "content": "1 + 1?"},
        {"role": "assistant", "content": "<think>\nTwo, I guess.\n</think>\n\n2"}, {"role": "user", "content": "And + 1?\n"},
        {"role": "assistant", "content": " 3 "}, {"role": "user", "content": "Thanks"}],
    "ends": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}],
    "call": [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": "", "tool_calls": [{"type": "function", "function": {"name": "weather", "arguments": {"city": "Köln", "days": 2, "deep": [1.5, None, True]}}}]},
        {"role": "tool", "name": "weather", "content": "{\"t\": 21}"}, {"role": "tool", "content": "sunny"},
        {"role": "assistant", "content": "21 °C", "reasoning_content": "easy"}],
    "parts": [{"role": "user", "content": [{"type": "text", "text": "See "}, {"type": "image"}, {"type": "text", "text": "this"}]}],
    "wrong": [{"role": "assistant", "content": "I begin"}, {"role": "assistant", "content": "again"}],
    "empty": [{"role": "user", "content": ""}],
}
TOOLS = [{"type": "function", "function": {"name": "weather", "description": "The weather's \"facts\" <b>", "parameters": {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}, "required": ["city"]}}}]

TEMPLATES = {
    # Header tokens around every role, trimmed content, a date, tools as indented JSON, bos once.
    "headers": """{{- bos_token }}
{%- if custom_tools is defined %}
    {%- set tools = custom_tools %}
{%- endif %}
{%- if not date_string is defined %}
    {%- if strftime_now is defined %}
        {%- set date_string = strftime_now("%d %b %Y") %}
    {%- else %}
        {%- set date_string = "26 Jul 2024" %}
    {%- endif %}
{%- endif %}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content'] | trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{{- "<|head|>system<|/head|>\\n\\n" }}
{{- "Today: " + date_string + "\\n\\n" }}
{%- if tools is not none %}
    {{- "Tools:\\n" }}
    {%- for t in tools %}
        {{- t | tojson(indent=4) }}
        {{- "\\n\\n" }}
    {%- endfor %}
{%- endif %}
{{- system_message }}
{{- "<|end|>" }}
{#- the turns #}
{%- for message in messages %}
    {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|head|>' + message['role'] + '<|/head|>\\n\\n' + message['content'] | trim + '<|end|>' }}
    {%- elif 'tool_calls' in message %}
        {%- if not message.tool_calls | length == 1 %}
            {{- raise_exception("one call at a time") }}
        {%- endif %}
        {%- set call = message.tool_calls[0].function %}
        {{- '<|head|>assistant<|/head|>\\n\\n{"name": "' + call.name + '", "parameters": ' }}
        {{- call.arguments | tojson }}
        {{- "}" }}
    {%- elif message.role == "tool" or message.role == "ipython" %}
        {{- "<|head|>ipython<|/head|>\\n\\n" }}
        {%- if message.content is mapping or message.content is iterable and message.content is not string %}
            {{- message.content | tojson }}
        {%- else %}
            {{- message.content }}
        {%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|head|>assistant<|/head|>\\n\\n' }}
{%- endif %}
""",
    # Start and end marks, a default system message, neighbouring tool answers in one turn.
    "marks": """{%- if tools %}
    {{- '<|start|>system\\n' }}
    {%- if messages[0]['role'] == 'system' %}
        {{- messages[0]['content'] }}
    {%- else %}
        {{- 'You are helpful.' }}
    {%- endif %}
    {{- "\\n\\n# Tools\\n\\n<tools>" }}
    {%- for tool in tools %}
        {{- "\\n" }}
        {{- tool | tojson }}
    {%- endfor %}
    {{- "\\n</tools><|stop|>\\n" }}
{%- else %}
    {%- if messages[0]['role'] == 'system' %}
        {{- '<|start|>system\\n' + messages[0]['content'] + '<|stop|>\\n' }}
    {%- else %}
        {{- '<|start|>system\\nYou are helpful.<|stop|>\\n' }}
    {%- endif %}
{%- endif %}
{%- for message in messages %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) or (message.role == "assistant" and not message.tool_calls) %}
        {{- '<|start|>' + message.role + '\\n' + message.content + '<|stop|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {{- '<|start|>' + message.role }}
        {%- if message.content %}
            {{- '\\n' + message.content }}
        {%- endif %}
        {%- for tool_call in message.tool_calls %}
            {%- if tool_call.function is defined %}
                {%- set tool_call = tool_call.function %}
            {%- endif %}
            {{- '\\n<call>\\n{"name": "' }}
            {{- tool_call.name }}
            {{- '", "arguments": ' }}
            {{- tool_call.arguments | tojson }}
            {{- '}\\n</call>' }}
        {%- endfor %}
        {{- '<|stop|>\\n' }}
    {%- elif message.role == "tool" %}
        {%- if (loop.index0 == 0) or (messages[loop.index0 - 1].role != "tool") %}
            {{- '<|start|>user' }}
        {%- endif %}
        {{- '\\n<answer>\\n' }}
        {{- message.content }}
        {{- '\\n</answer>' }}
        {%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}
            {{- '<|stop|>\\n' }}
        {%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start|>assistant\\n' }}
{%- endif %}
""",
    # Thoughts of earlier turns left out: a namespace, the list backwards, string methods.
    "thoughts": """{%- set ns = namespace(multi_step_tool=true, last_query_index=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.multi_step_tool and message.role == "user" and message.content is string and not(message.content.startswith('<answer>') and message.content.endswith('</answer>')) %}
        {%- set ns.multi_step_tool = false %}
        {%- set ns.last_query_index = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if message.content is string %}
        {%- set content = message.content %}
    {%- else %}
        {%- set content = '' %}
    {%- endif %}
    {%- if message.role == "assistant" %}
        {%- set reasoning_content = '' %}
        {%- if message.reasoning_content is string %}
            {%- set reasoning_content = message.reasoning_content %}
        {%- else %}
            {%- if '</think>' in content %}
                {%- set reasoning_content = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
                {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
            {%- endif %}
        {%- endif %}
        {%- if loop.index0 > ns.last_query_index %}
            {%- if loop.last or (not loop.last and reasoning_content) %}
                {{- '<|start|>' + message.role + '\\n<think>\\n' + reasoning_content.strip('\\n') + '\\n</think>\\n\\n' + content.lstrip('\\n') }}
            {%- else %}
                {{- '<|start|>' + message.role + '\\n' + content }}
            {%- endif %}
        {%- else %}
            {{- '<|start|>' + message.role + '\\n' + content }}
        {%- endif %}
        {{- '<|stop|>\\n' }}
    {%- else %}
        {{- '<|start|>' ~ message.role ~ '\\n' ~ content ~ '<|stop|>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\\n\\n</think>\\n\\n' }}
    {%- endif %}
{%- endif %}""",
    # Roles must alternate; the system message goes into the first user turn.
    "alternating": """{{ bos_token }}{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set system_message = messages[0]['content'] %}{% else %}{% set loop_messages = messages %}{% set system_message = false %}{% endif %}{% for message in loop_messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}{% if loop.index0 == 0 and system_message != false %}{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}{% else %}{% set content = message['content'] %}{% endif %}{% if message['role'] == 'user' %}{{ '[INST] ' + content.strip() + ' [/INST]' }}{% elif message['role'] == 'assistant' %}{{ ' '  + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}""",
    # Another name for the assistant, parts of a message, no system role.
    "model": """{{ bos_token }}
{%- if messages[0]['role'] == 'system' -%}
    {%- if messages[0]['content'] is string -%}
        {%- set first_user_prefix = messages[0]['content'] + '\n\n' -%}
    {%- else -%}
        {%- set first_user_prefix = messages[0]['content'][0]['text'] + '\n\n' -%}
    {%- endif -%}
    {%- set loop_messages = messages[1:] -%}
{%- else -%}
    {%- set first_user_prefix = "" -%}
    {%- set loop_messages = messages -%}
{%- endif -%}
{%- for message in loop_messages -%}
    {%- if (message['role'] == 'assistant') -%}
        {%- set role = "model" -%}
    {%- else -%}
        {%- set role = message['role'] -%}
    {%- endif -%}
    {{ '<turn>' + role + '\n' + (first_user_prefix if loop.first else "") }}
    {%- if message['content'] is string -%}
        {{ message['content'] | trim }}
    {%- elif message['content'] is iterable -%}
        {%- for item in message['content'] -%}
            {%- if item['type'] == 'image' -%}
                {{ '<image>' }}
            {%- elif item['type'] == 'text' -%}
                {{ item['text'] | trim }}
            {%- endif -%}
        {%- endfor -%}
    {%- else -%}
        {{ raise_exception("Invalid content type") }}
    {%- endif -%}
    {{ '</turn>\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{ '<turn>model\n' }}
{%- endif -%}
""",
    # A namespace that counts, defaults, the last user turn.
    "deep": """{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}{% set ns = namespace(is_first=false, is_tool=false, is_output_first=true, system_prompt='', is_first_sp=true) %}{%- for message in messages %}{%- if message['role'] == 'system' %}{%- if ns.is_first_sp %}{% set ns.system_prompt = ns.system_prompt + message['content'] %}{% set ns.is_first_sp = false %}{%- else %}{% set ns.system_prompt = ns.system_prompt + '\\n\\n' + message['content'] %}{%- endif %}{%- endif %}{%- endfor %}{{ bos_token }}{{ ns.system_prompt }}{%- for message in messages %}{%- if message['role'] == 'user' %}{%- set ns.is_tool = false -%}{{'<User>' + message['content'] | default('nothing', true)}}{%- endif %}{%- if message['role'] == 'assistant' and message['tool_calls'] is defined and message['tool_calls'] is not none %}{%- set ns.is_tool = false -%}{%- for tool in message['tool_calls']%}{%- if not ns.is_first %}{{'<Assistant><calls>' + tool['type'] + '<sep>' + tool['function']['name'] + '\\n' + '```json' + '\\n' + (tool['function']['arguments'] | tojson) + '\\n' + '```'}}{%- set ns.is_first = true -%}{%- else %}{{'\\n' + tool['type']}}{%- endif %}{%- endfor %}{{'</calls>' + eos_token}}{%- endif %}{%- if message['role'] == 'assistant' and message['tool_calls'] is not defined %}{%- if ns.is_tool %}{{'</outputs>' + message['content'] + eos_token}}{%- set ns.is_tool = false -%}{%- else %}{% set content = message['content'] %}{% if '</think>' in content %}{% set content = content.split('</think>')[-1] %}{% endif %}{{'<Assistant>' + content + eos_token}}{%- endif %}{%- endif %}{%- if message['role'] == 'tool' %}{%- set ns.is_tool = true -%}{%- if ns.is_output_first %}{{'<outputs><output>' + message['content'] + '</output>'}}{%- set ns.is_output_first = false %}{%- else %}{{'\\n<output>' + message['content'] + '</output>'}}{%- endif %}{%- endif %}{%- endfor -%}{% if ns.is_tool %}{{'</outputs>'}}{% endif %}{% if add_generation_prompt and not ns.is_tool %}{{'<Assistant>'}}{% endif %}""",
    # Macros, set blocks, filters on them, loops with conditions and else, break and continue.
    "macros": """{%- macro turn(role, content, mark='#') -%}
{{ mark }}{{ role | upper }}{{ mark }} {{ content }}
{%- endmacro -%}
{%- set banner | trim -%}
   hello {{ messages | length }}
{%- endset -%}
{{ banner }}
{% for message in messages if message.role != 'system' %}
  {%- if loop.index > 4 %}{% break %}{% endif -%}
  {%- if message.content == '' %}{% continue %}{% endif %}
{{ turn(message.role, message.content if message.content is string else 'parts', mark='*' if loop.first else '-') }}
{%- if not loop.last %},{% endif %}
{% else %}
nobody
{% endfor %}
{% for key, value in messages[0].items() %}{{ loop.index }}/{{ loop.length }}:{{ key }}={{ value is string }};{% endfor %}

{% for m in messages %}{{ loop.revindex0 }}{{ loop.previtem.role if loop.previtem is defined }}{% endfor %}
""",
    # White space: trimmed blocks, kept lines, both signs, comments, raw.
    "space": """  {% if true %}
  a
  {% endif %}
b {% if true %} c {% endif %}
{%+ if true +%}
d
{%- endif %}

   {# a comment #}
e {#- another -#}   f
{% raw %}{{ raw }} {% x %}{% endraw %}
	{% set x = 1 -%}
   g
{{ x }}
{{- x }}
{{ x -}}
  h

""",
    # Operators, filters, tests and methods.
    "all": """{{ 7 // 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 7 / 2 }} {{ 2 ** 3 }} {{ 1 + 2 * 3 - 4 }} {{ 'a' ~ 1 ~ none ~ true }} {{ 1 < 2 <= 2 }} {{ not false and true or false }}
{{ 'b' in 'abc' }} {{ 1 not in [1, 2] }} {{ 'x' in {'x': 1} }} {{ [1, 2] + [3] }} {{ ('a', 'b') | list }} {{ {'k': 'v', 'n': none, 'f': 1.0} }} {{ 'it\\'s' }} {{ ["it's", 'say "x"'] }}
{{ 'abcdef'[1:3] }} {{ 'abcdef'[::-1] }} {{ [1, 2, 3, 4][-2:] }} {{ [1, 2, 3, 4][::2] }} {{ 'abc'[-1] }} {{ [[1, 2]][0][1] }}
{{ ' x '.strip() }}|{{ 'xxaxx'.strip('x') }}|{{ 'a,b,c'.split(',') }}|{{ 'a b  c'.split() }}|{{ 'a,b,c'.split(',', 1) }}|{{ 'a.b.c'.rsplit('.', 1) }}|{{ 'x'.join(['1', '2']) }}
{{ 'Hello'.lower() }} {{ 'hello world'.title() }} {{ 'hELLO'.capitalize() }} {{ 'aXbX'.replace('X', 'y') }} {{ 'abc'.find('c') }} {{ 'a'.isdigit() }} {{ '12'.isdigit() }} {{ 'abca'.count('a') }}
{{ 'prefix-x'.removeprefix('prefix-') }} {{ 'a\\nb'.splitlines() }} {{ 'abc'.endswith(('c', 'd')) }} {{ 'x'.startswith('y') }}
{{ [3, 1, 2] | sort }} {{ [3, 1, 2] | sort(reverse=true) | join(', ') }} {{ [1, 1, 2] | unique | list }} {{ [1, 2] | sum }} {{ [1, 2, 3] | max }} {{ 'abc' | length }} {{ [1, 2] | first }} {{ [1, 2] | last }}
{{ [{'a': 1}, {'a': 2}] | map(attribute='a') | list }} {{ ['x', 'y'] | map('upper') | join }} {{ [{'a': 1}, {'a': 2}] | selectattr('a', 'equalto', 2) | list }} {{ [1, 2, 3] | select('odd') | list }} {{ [0, 1] | reject | list }} {{ {'b': 1, 'a': 2} | dictsort | map('first') | join }} {{ {'b': 1}.items() | map('last') | list }}
{{ nothing | default('d') }} {{ '' | default('e', true) }} {{ none | default('f') }} {{ '3' | int + 1 }} {{ '2.5' | float }} {{ 3.7 | int }} {{ 2.5 | round }} {{ -3 | abs }} {{ 'a b' | wordcount }} {{ 'ab' | reverse }} {{ 'x\\ny' | indent(2) }}
{{ 1 is odd }} {{ 2 is even }} {{ 9 is divisibleby 3 }} {{ 'a' is string }} {{ 1 is number }} {{ {} is mapping }} {{ [] is iterable }} {{ none is none }} {{ x is defined }} {{ x is undefined }} {{ 1 is integer }} {{ 1.0 is float }} {{ true is boolean }} {{ 1 is in [1] }} {{ 'a' is eq 'a' }}
{{ {'a': [1, 2.5, "ü\\n\\u0001"], 'b': {}} | tojson }} {{ {'z': 1, 'a': []} | tojson(sort_keys=true) }} {{ [1] | tojson(indent=2) }} {{ range(3) | list }} {{ range(1, 8, 3) | list }} {{ dict(a=1).get('b', 'none') }} {{ '%s-%d' % ('x', 3) }} {{ 'a' if false }}|{{ 1.5 * 2 }} {{ 'é' == 'e\u0301' }} {{ [1, [2, 3]] == [1, [2, 3]] }} {{ "a" "b" }} {{ (1, 2)[0] }} {{ strftime_now('%Y-%m-%d %H:%M') }}""",
    # What the assistant says, marked.
    "generation": """{%- for message in messages %}{%- if message.role == 'assistant' %}{{ '<a>' }}{% generation %}{{ message.content + '<|end|>' }}{% endgeneration %}{% else %}{{ '<u>' + (message.content | string) + '<|end|>' }}{% endif %}{%- endfor %}""",
}


def main():
    env = environment()
    cases = []
    for name, source in TEMPLATES.items():
        template = env.from_string(source)
        for chat, messages in CHATS.items():
            for adding in (False, True):
                for tools in ((None, TOOLS) if "tools" in source else (None,)):
                    case = {"template": name, "chat": chat, "prompt": adding, "tools": tools is not None}
                    try:
                        case["text"] = template.render(
                            messages=messages, tools=tools, documents=None, add_generation_prompt=adding, bos_token="<s>", eos_token="</s>")
                    except Exception as error:
                        case["error"] = str(error)
                    cases.append(case)
    out = {"now": NOW.isoformat(), "chats": CHATS, "tools": TOOLS, "templates": TEMPLATES, "cases": cases}
    with open(os.path.join(FOLDER, "templates.json"), "w") as file:
        json.dump(out, file, ensure_ascii=False, indent=0)
        file.write("\n")
    print(len(cases), "cases,", sum("error" in c for c in cases), "refused")
    for case in cases:
        if "error" in case and case["chat"] not in ("parts", "wrong"):
            print(case)


if __name__ == "__main__":
    main()
