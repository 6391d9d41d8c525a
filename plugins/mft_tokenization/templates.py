"""Chat templates (Jinja, as transformers renders them: trim_blocks and lstrip_blocks on)."""

from __future__ import annotations

MFTCODER = """\
{%- for message in messages -%}
{%- if message['role'] == 'assistant' -%}
{{ '<s>bot\\n' + message['content'] + eos_token + '\\n' }}
{%- elif message['role'] == 'user' -%}
{{ '<s>human\\n' + message['content'] + '\\n' }}
{%- else -%}
{{ '<s>system\\n' + message['content'] + '\\n' }}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{ '<s>bot\\n' }}
{%- endif -%}
"""
"""MFTCoder (arXiv 2311.02303): each role opens with <s> and its name; the bot's turn ends with the end token."""

CHATML = """\
{%- for message in messages -%}
{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{ '<|im_start|>assistant\\n' }}
{%- endif -%}
"""

ALPACA = """\
{%- if messages[0]['role'] != 'system' -%}
{{ 'Below is an instruction that describes a task. Write a response that appropriately completes the request.\\n\\n' }}
{%- endif -%}
{%- for message in messages -%}
{%- if message['role'] == 'assistant' -%}
{{ '### Response:\\n' + message['content'] + eos_token + '\\n\\n' }}
{%- elif message['role'] == 'user' -%}
{{ '### Instruction:\\n' + message['content'] + '\\n\\n' }}
{%- else -%}
{{ message['content'] + '\\n\\n' }}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{ '### Response:\\n' }}
{%- endif -%}
"""

FIXED_DATE = """\
{%- macro strftime_now(format) -%}
{{ format | replace('%Y', '2024') | replace('%m', '07') | replace('%B', 'July') | replace('%b', 'Jul')
    | replace('%d', '26') | replace('%A', 'Friday') | replace('%H', '12') | replace('%M', '00') | replace('%S', '00') }}
{%- endmacro -%}
"""
"""Put before templates that show the date, so that neither the clock nor the cache changes what is learned."""
