"""Templates in the manner of published ones that show an earlier answer otherwise than they ask for it."""

from __future__ import annotations

from tokenizers import AddedToken

THINK = r"""
{%- set last = namespace(user=0) -%}
{%- for m in messages -%}{%- if m.role == 'user' -%}{%- set last.user = loop.index0 -%}{%- endif -%}{%- endfor -%}
{%- for m in messages -%}
{%- if m.role != 'assistant' -%}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}
{%- else -%}
{%- set thought = '' -%}{%- set said = m.content -%}
{%- if '</think>' in m.content -%}
{%- set thought = m.content.split('</think>')[0].rstrip('\n').split('<think>')[-1].lstrip('\n') -%}
{%- set said = m.content.split('</think>')[-1].lstrip('\n') -%}
{%- endif -%}
{{ '<|im_start|>assistant\n' }}
{%- if loop.index0 > last.user -%}{{ '<think>\n' + thought.strip('\n') + '\n</think>\n\n' }}{%- endif -%}
{{ said + '<|im_end|>\n' }}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\n' }}{%- endif -%}"""
"""Qwen3's manner: only what comes after the last question shows its thought, or an empty one."""

THINK_ASKED = THINK.replace(
    "{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}",
    "{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n<think>\\n' }}",
)
"""Qwen3-Thinking's manner: the generation prompt opens the thought."""

THINK_TOKENS = [AddedToken(mark, special=False, normalized=False) for mark in ("<think>", "</think>")]

CHANNELS = (
    "{% for m in messages %}{% if m.role == 'assistant' %}"
    "{{ '<|start|>assistant<|message|>' + m.content + ('<|return|>' if loop.last else '<|end|>') }}"
    "{% else %}{{ '<|start|>' + m.role + '<|message|>' + m.content + '<|end|>' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant<|message|>{% endif %}"
)
"""gpt-oss's manner: an answer ends in another token than it is shown with later on."""

CHANNEL_TOKENS = [AddedToken(mark, special=True) for mark in ("<|start|>", "<|message|>", "<|end|>", "<|return|>")]

ROLES = (
    "[gMASK]<sop>{% for m in messages %}{{ '<|' + m['role'] + '|>\\n' + m['content'] }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
"""GLM-4's manner: no turn has an end token; the next role's token follows at once."""

ROLE_TOKENS = [
    AddedToken(mark, special=True, normalized=False)
    for mark in ("[gMASK]", "<sop>", "<|user|>", "<|assistant|>", "<|system|>")
]
