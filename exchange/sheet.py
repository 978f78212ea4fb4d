"""Excel workbooks (.xlsx). The only door to python-calamine."""

from __future__ import annotations

from pathlib import Path

import python_calamine as calamine

from engine.errors import BadInput, DamagedFile
from exchange.textfile import Lines


def sheet_names(path: Path, name: str) -> list[str]:
    """Name the sheets of a workbook in their order; ``DamagedFile`` where it cannot be opened."""
    return list(_open(path, name).sheet_names)


def read_sheet(path: Path, name: str, sheet: str) -> Lines:
    """Yield the rows of ``sheet`` (empty: the first) with their row numbers as Excel shows them.

    Raises ``DamagedFile`` for a broken workbook and ``BadInput`` for a sheet that is not there. The
    cells of the sheet are held by the library in compressed form, never as Python objects at once.
    """
    book = _open(path, name)
    if sheet and sheet not in book.sheet_names:
        raise BadInput(
            f"{name} 里没有工作表“{sheet}”",
            why=f"它只有：{'、'.join(book.sheet_names)}",
            then="在对照文件的 sheet 里写其中一个",
        )
    if not book.sheet_names:
        return
    try:
        table = book.get_sheet_by_name(sheet or book.sheet_names[0])
        rows = table.iter_rows()
    except calamine.CalamineError as error:
        raise _damaged(name, error) from error
    yield from enumerate(rows, 1)


def _open(path: Path, name: str) -> calamine.CalamineWorkbook:
    try:
        return calamine.CalamineWorkbook.from_path(path)
    except calamine.CalamineError as error:
        if isinstance(error, calamine.PasswordError):
            raise DamagedFile(
                f"{name} 设有密码，不能读取", why="工作簿被加密", then="在 Excel 里取消密码后另存，再试"
            ) from error
        raise _damaged(name, error) from error


def _damaged(name: str, error: Exception) -> DamagedFile:
    return DamagedFile(
        f"{name} 不是完整的 Excel 工作簿（.xlsx），第 1 行起就无法读取",
        why=f"文件被截断、损坏，或只是改了扩展名（{error}）",
        then="在 Excel 里打开确认，另存为 .xlsx，或从原系统重新导出",
    )
