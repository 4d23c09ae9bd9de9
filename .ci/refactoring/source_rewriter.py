"""Rewrite one Python source: its imports, the names that they bind, and the modules that its text mentions."""

# ruff: noqa: N802, the names of the methods are those that libcst calls
from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import Final, NamedTuple

import libcst as cst
from bindings import Bindings, ImportTargets, dotted, find_bindings, qualified
from import_rewriter import ImportRewriter, node_of, rewrite_imports
from libcst.metadata import MetadataWrapper, ScopeProvider
from module_index import ModuleIndex, identifiers, needs_scopes, package_of
from repository import module_name

_SETTERS: Final = ("setattr", "delattr", "getattr", "hasattr", "object", "spy")
"""Functions whose second argument names an attribute of the first, as those of monkeypatch and mock do."""
_WORD: Final = re.compile(r"[^\W\d]\w*")
_Line = cst.SimpleStatementLine | cst.FlattenSentinel[cst.SimpleStatementLine] | cst.RemovalSentinel


class Rewritten(NamedTuple):
    """A file after the change."""

    source: str
    notes: list[str]


def rewrite(path: str, new_path: str, source: str, index: ModuleIndex) -> Rewritten:
    """Return the source of a file with every name and path that changes.

    Args:
        path: the path of the file before the change.
        new_path: its path after the change.
        source: its content.
        index: what changes.
    """
    if not index.is_affected(path, new_path, source):
        return Rewritten(source, [])
    tree = ast.parse(source)
    if not needs_scopes(tree, path, index):
        fast = rewrite_imports(tree, source, path, new_path, index)
        if fast is not None:
            return Rewritten(fast, [])
    wrapper = MetadataWrapper(cst.parse_module(source), unsafe_skip_copy=True)
    scopes = wrapper.resolve(ScopeProvider).values()
    targets = ImportTargets(index, package_of(path))
    taken = identifiers(tree)
    bindings = find_bindings(scopes, targets, index, module_name(path), taken)
    imports = ImportRewriter(index, targets, ImportTargets(index, package_of(new_path)), bindings.local_names)
    transformer = _Rewriter(bindings, index, imports)
    changed = wrapper.module.visit(transformer)
    notes = [f"{new_path}: {note}" for note in [*bindings.notes, *transformer.notes]]
    return Rewritten(changed.code, notes)


class _Rewriter(cst.CSTTransformer):
    """Applies the changes; nodes are recognized by identity, so the tree must be the one that was resolved."""

    def __init__(self, bindings: Bindings, index: ModuleIndex, imports: ImportRewriter) -> None:
        super().__init__()
        self.notes: list[str] = []
        self._bindings: Final = bindings
        self._index: Final = index
        self._imports: Final = imports
        self._strings: Final[dict[int, str]] = {}
        self._docstrings: Final[set[int]] = set()
        self._globals: Final[set[int]] = set()

    def visit_Expr(self, node: cst.Expr) -> None:
        self._docstrings.add(id(node.value))

    def visit_Global(self, node: cst.Global) -> None:
        self._globals.update(id(item.name) for item in node.names)

    def visit_Assign(self, node: cst.Assign) -> None:
        self._rename_exports([one.target for one in node.targets], node.value)

    def visit_AnnAssign(self, node: cst.AnnAssign) -> None:
        self._rename_exports([node.target], node.value)

    def _rename_exports(self, names: Sequence[cst.CSTNode], value: cst.CSTNode | None) -> None:
        is_all = any(isinstance(name, cst.Name) and name.value == "__all__" for name in names)
        if is_all and isinstance(value, (cst.List, cst.Tuple)):
            for element in value.elements:
                self._rename_string(element.value, self._bindings.words)

    def visit_Call(self, node: cst.Call) -> None:
        function = node.func.attr if isinstance(node.func, cst.Attribute) else node.func
        if len(node.args) < 2 or not isinstance(function, cst.Name) or function.value not in _SETTERS:
            return
        module = qualified(node.args[0].value, self._bindings.modules)
        if module is not None:
            names = {old: new for (owner, old), new in self._index.names.items() if owner == module}
            self._rename_string(node.args[1].value, names)

    def _rename_string(self, node: cst.CSTNode, names: dict[str, str]) -> None:
        if isinstance(node, cst.SimpleString) and node.raw_value in names:
            self._strings[id(node)] = f"{node.prefix}{node.quote}{names[node.raw_value]}{node.quote}"

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.BaseExpression:
        new = self._bindings.renamed.get(id(original_node))
        if new is None and id(original_node) in self._globals:
            new = self._bindings.words.get(original_node.value)
        return updated_node if new is None else updated_node.with_changes(value=new)

    def leave_Attribute(
        self, original_node: cst.Attribute, updated_node: cst.Attribute
    ) -> cst.BaseExpression:
        name = qualified(original_node, self._bindings.modules)
        if name is None:
            return updated_node
        if name in self._index.modules:
            return self._module_attribute(name, original_node, updated_node)
        new = self._index.rename_name(name.rpartition(".")[0], original_node.attr.value)
        return updated_node.with_changes(attr=updated_node.attr.with_changes(value=new))

    def _module_attribute(
        self, name: str, original_node: cst.Attribute, updated_node: cst.Attribute
    ) -> cst.BaseExpression:
        """Return the new expression of a module that is an attribute of a package."""
        new = self._index.moves.module(name)
        root: cst.BaseExpression = original_node
        while isinstance(root, cst.Attribute):
            root = root.value
        if (
            "." not in self._bindings.modules[id(root)]
        ):  # `import backend.warm`: the expression is the whole name
            return cst.parse_expression(new) if new != name else updated_node
        parent = self._index.moves.module(name.rpartition(".")[0])
        if new.rpartition(".")[0] != parent:
            self.notes.append(f"{dotted(original_node)} is {new} now, and no attribute of {parent}")
            return updated_node
        return updated_node.with_changes(attr=updated_node.attr.with_changes(value=new.rpartition(".")[2]))

    def leave_SimpleString(
        self, original_node: cst.SimpleString, updated_node: cst.SimpleString
    ) -> cst.BaseExpression:
        if id(original_node) in self._strings:
            return updated_node.with_changes(value=self._strings[id(original_node)])
        value = self._index.moves.text(updated_node.value, self._index.rename_name)
        if id(original_node) in self._docstrings:
            value = self._mentions(value)
        elif original_node.raw_value in self._bindings.words:
            self.notes.append(f"the string {original_node.value} may mean a renamed name")
        return updated_node.with_changes(value=value)

    def leave_FormattedStringText(
        self, original_node: cst.FormattedStringText, updated_node: cst.FormattedStringText
    ) -> cst.BaseFormattedStringContent:
        return updated_node.with_changes(
            value=self._index.moves.text(updated_node.value, self._index.rename_name)
        )

    def leave_Comment(self, original_node: cst.Comment, updated_node: cst.Comment) -> cst.Comment:
        text = self._index.moves.text(updated_node.value, self._index.rename_name)
        return updated_node.with_changes(value=self._mentions(text))

    def _mentions(self, text: str) -> str:
        """Return a docstring or comment with the names of this file; a word such as `load` stays."""
        names = self._bindings.words

        def renamed(found: re.Match[str]) -> str:
            word = found.group()
            return names.get(word, word) if "_" in word or word != word.lower() else word

        return _WORD.sub(renamed, text)

    def leave_Import(self, original_node: cst.Import, updated_node: cst.Import) -> cst.Import:
        aliases = [
            alias.with_changes(name=node_of(self._index.moves.module(dotted(alias.name))))
            for alias in original_node.names
        ]
        return updated_node.with_changes(names=aliases)

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> _Line:
        lines: list[cst.SimpleStatementLine] = []
        rest: list[cst.BaseSmallStatement] = []
        for before, after in zip(original_node.body, updated_node.body, strict=True):
            parts = self._imports.split(before) if isinstance(before, cst.ImportFrom) else None
            if parts is None:
                rest.append(after)
            else:
                parts = [part.with_changes(semicolon=cst.MaybeSentinel.DEFAULT) for part in parts]
                lines += [cst.SimpleStatementLine([part]) for part in parts]
        if not lines:
            return updated_node
        lines += [cst.SimpleStatementLine(rest)] if rest else []
        lines[0] = lines[0].with_changes(
            leading_lines=updated_node.leading_lines, trailing_whitespace=updated_node.trailing_whitespace
        )
        return cst.FlattenSentinel(lines)
