"""`yiriban completion`: the script that lets a shell complete commands, numbers and names."""

from __future__ import annotations

import os
from pathlib import PurePath

import click
from click.shell_completion import get_completion_class

from commands.completing import VARIABLE
from commands.printing import say
from engine.errors import BadInput, YiribanError

SHELLS = ("bash", "zsh", "fish")


_HOW = """\b
安装 / how to install
  bash  写进 ~/.bashrc：
        eval "$(yiriban completion bash)"
  zsh   写进 ~/.zshrc，在 compinit 之后：
        eval "$(yiriban completion zsh)"
  fish  运行一次：
        yiriban completion fish > ~/.config/fish/completions/yiriban.fish
装好后开一个新的终端即可。
"""


@click.command(epilog=_HOW)
@click.argument("shell", type=click.Choice(SHELLS), required=False)
def completion(shell: str | None) -> None:
    """输出补全脚本：命令、选项、编号、操作、人员按 Tab 补全 / print the script that completes words.

    SHELL 不写则按环境变量 SHELL 判断 / by default the shell that SHELL names.
    """
    name = shell or _shell_in_use()
    kind = get_completion_class(name)
    if kind is None:
        raise YiribanError(f"命令行库没有 {name} 的补全脚本", then="升级 click，或换用其他终端")
    say(kind(click.Command("yiriban"), {}, "yiriban", VARIABLE).source())


def _shell_in_use() -> str:
    """Return the shell that the environment names; raise ``BadInput`` where it is none of ours."""
    told = os.environ.get("SHELL", "")
    name = PurePath(told).name
    if name in SHELLS:
        return name
    raise BadInput(
        f"不知道用的是哪种终端：SHELL={told}" if told else "不知道用的是哪种终端：环境变量 SHELL 没有设置",
        why=f"补全脚本只有 {'、'.join(SHELLS)} 三种",
        then="写明一种，如 yiriban completion bash",
    )
